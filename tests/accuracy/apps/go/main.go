// SPDX-License-Identifier: GPL-2.0-only
// Go with the libraries that people use. CLIENT: go-redis, pgx, pq or http; SHAPE: how a request makes its calls.
// /Q10031 makes three calls whose text holds K10031:1 to :3 (score.py).
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/lib/pq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

const hung = 80000 // requests that are never answered

var (
	size, _ = strconv.Atoi(os.Getenv("POOL"))
	call    func(context.Context, string) error
	jobs    = make(chan job)
)

type job struct {
	key  string
	done chan error
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// ---- clients ----

func useRedis() {
	client := redis.NewClient(&redis.Options{
		Addr: "127.0.0.1:" + os.Getenv("REDIS_PORT"), PoolSize: size, PoolTimeout: time.Minute,
		ReadTimeout: time.Minute, ContextTimeoutEnabled: true,
	})
	call = func(ctx context.Context, key string) error {
		err := client.Get(ctx, key).Err()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		return err
	}
}

func usePgx() {
	config, err := pgxpool.ParseConfig(os.Getenv("POSTGRES_URL"))
	check(err)
	config.MaxConns = int32(size)
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	check(err)
	call = func(ctx context.Context, key string) error {
		_, err := pool.Exec(ctx, `SELECT 1 AS "`+key+`"`)
		return err
	}
}

func usePq() {
	pool, err := sql.Open("postgres", os.Getenv("POSTGRES_URL")+"?sslmode=disable")
	check(err)
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	call = func(ctx context.Context, key string) error {
		_, err := pool.ExecContext(ctx, `SELECT 1 AS "`+key+`"`)
		return err
	}
}

func useHTTP() {
	transport := http.DefaultTransport.(*http.Transport)
	transport.MaxIdleConnsPerHost, transport.MaxConnsPerHost = size, size
	call = func(ctx context.Context, key string) error {
		url := "http://127.0.0.1:" + os.Getenv("UPSTREAM_PORT") + "/" + key
		request, err := http.NewRequestWithContext(ctx, "GET", url, nil)
		check(err)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}
}

// ---- shapes ----

func pause() {
	time.Sleep(time.Duration(rand.Intn(5)) * time.Millisecond)
}

func sequence(ctx context.Context, keys []string) {
	for _, key := range keys {
		check(call(ctx, key))
		pause()
	}
}

func fan(ctx context.Context, keys []string) {
	check(call(ctx, keys[0]))
	pause()
	group, ctx := errgroup.WithContext(ctx)
	for _, key := range keys[1:] {
		group.Go(func() error { return call(ctx, key) })
	}
	check(group.Wait())
}

func nested(ctx context.Context, keys []string) {
	var wait sync.WaitGroup
	for _, key := range keys {
		wait.Add(1)
		go func() {
			defer wait.Done()
			inner := make(chan bool)
			go func() { pause(); check(call(ctx, key)); inner <- true }()
			<-inner
		}()
	}
	wait.Wait()
}

func worker(ctx context.Context, keys []string) {
	for _, key := range keys {
		j := job{key, make(chan error)}
		jobs <- j
		check(<-j.done)
		pause()
	}
}

func timer(ctx context.Context, keys []string) {
	done := make(chan bool)
	time.AfterFunc(time.Millisecond, func() { check(call(ctx, keys[0])); done <- true })
	<-done
	check(call(ctx, keys[1]))
	select {
	case <-time.After(time.Millisecond):
		check(call(ctx, keys[2]))
	}
}

// What goes on after the answer is nobody's: the context is cancelled by then, the work has its own.
func after(keys []string, number string) {
	check(call(context.Background(), keys[0]))
	go func() {
		time.Sleep(20 * time.Millisecond)
		call(context.Background(), "L"+number+":2")
	}()
	time.AfterFunc(25*time.Millisecond, func() { call(context.Background(), "L"+number+":3") })
}

// A call that is given up: its connection is closed while it waits.
func cancel(ctx context.Context, keys []string) {
	check(call(ctx, keys[0]))
	short, stop := context.WithTimeout(ctx, time.Millisecond)
	defer stop()
	group, short := errgroup.WithContext(short)
	group.Go(func() error { call(short, keys[1]); return nil })
	group.Wait()
	for call(ctx, keys[2]) != nil { // the pool can have given it the connection that was just closed
	}
}

func many(ctx context.Context, number string) {
	var wait sync.WaitGroup
	for i := 0; i < 500; i++ {
		wait.Add(1)
		go func() { defer wait.Done(); check(call(ctx, fmt.Sprintf("K%s:%d", number, i))) }()
	}
	wait.Wait()
}

func serve(ctx context.Context, shape, number string) {
	keys := []string{"K" + number + ":1", "K" + number + ":2", "K" + number + ":3"}
	ctx = context.WithoutCancel(ctx) // a client that leaves does not end what the others judge
	if n, _ := strconv.Atoi(number); n >= hung && n < hung+1000 {
		call(ctx, keys[0])
		select {}
	}
	switch shape {
	case "sequence":
		sequence(ctx, keys)
	case "fan":
		fan(ctx, keys)
	case "nested":
		nested(ctx, keys)
	case "worker":
		worker(ctx, keys)
	case "timer":
		timer(ctx, keys)
	case "after":
		after(keys, number)
	case "cancel":
		cancel(ctx, keys)
	case "many":
		many(ctx, number)
	}
}

func main() {
	map[string]func(){"go-redis": useRedis, "pgx": usePgx, "pq": usePq, "http": useHTTP}[os.Getenv("CLIENT")]()
	for i := 0; i < 8; i++ {
		go func() {
			for j := range jobs {
				j.done <- call(context.Background(), j.key)
			}
		}()
	}
	if os.Getenv("GC") != "" {
		go func() {
			for {
				time.Sleep(10 * time.Millisecond)
				runtime.GC()
			}
		}()
	}
	shape := os.Getenv("SHAPE")
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		number := strings.TrimPrefix(r.URL.Path, "/Q")
		serve(r.Context(), shape, number)
		fmt.Fprint(w, "R"+number)
	})
	check(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
