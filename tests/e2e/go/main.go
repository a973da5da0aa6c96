// SPDX-License-Identifier: GPL-2.0-only
// For test_context_go.py: the calls of a request, made in the ways of Go. SHAPE says in which.
package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

var pool chan net.Conn

func get(key string) {
	c := <-pool
	fmt.Fprintf(c, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(key), key)
	bufio.NewReaderSize(c, 64).ReadString('\n')
	pool <- c
}

func call(key string) {
	answer, err := http.Get("http://127.0.0.1:" + os.Getenv("SECOND_PORT") + "/" + key)
	if err != nil {
		return
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
}

func pause() {
	time.Sleep(time.Duration(rand.Intn(5)) * time.Millisecond)
}

/* One goroutine each. */
func fan(keys []string, do func(string)) {
	var wait sync.WaitGroup
	for _, key := range keys {
		key := key
		wait.Add(1)
		go func() {
			defer wait.Done()
			do(key)
		}()
	}
	wait.Wait()
}

/* Each goroutine starts the next: the ones between make no call. */
func nested(keys []string) {
	done := make(chan bool)
	go func() {
		go func() {
			fan(keys, get)
			done <- true
		}()
	}()
	<-done
}

type job struct {
	key  string
	done chan bool
}

var jobs = make(chan job)

func work() {
	for j := range jobs {
		get(j.key)
		j.done <- true
	}
}

var (
	once  sync.Once
	queue = make(chan job)
)

/* A library's own writer, started by whichever request comes first. */
func lazily(key string) {
	once.Do(func() {
		for i := 0; i < 4; i++ {
			go func() {
				for j := range queue {
					get(j.key)
					j.done <- true
				}
			}()
		}
	})
	j := job{key, make(chan bool)}
	queue <- j
	<-j.done
}

var (
	idle     []chan job
	idleLock sync.Mutex
)

/* As pools do that grow on demand: an idle worker, else a new one. */
func onDemand(j job) {
	idleLock.Lock()
	if n := len(idle); n > 0 {
		worker := idle[n-1]
		idle = idle[:n-1]
		idleLock.Unlock()
		worker <- j
		return
	}
	idleLock.Unlock()
	worker := make(chan job, 1)
	worker <- j
	go func() {
		for j := range worker {
			get(j.key)
			idleLock.Lock()
			idle = append(idle, worker)
			idleLock.Unlock()
			j.done <- true
		}
	}()
}

func serve(shape, number string) {
	keys := []string{"K" + number + ":1", "K" + number + ":2", "K" + number + ":3"}
	switch shape {
	case "handler":
		for _, key := range keys {
			get(key)
			pause()
		}
	case "fan":
		get(keys[0])
		pause()
		fan(keys[1:], get)
	case "nested":
		get(keys[0])
		pause()
		nested(keys[1:])
	case "http":
		get(keys[0])
		call(keys[1])
		pause()
		call(keys[2])
	case "httpfan":
		fan(keys, call)
	case "detached":
		/* Done after the answer: nobody's. */
		get(keys[0])
		go func() {
			time.Sleep(20 * time.Millisecond)
			get("L" + number + ":2")
		}()
	case "lazy":
		for _, key := range keys {
			lazily(key)
			pause()
		}
	case "demand":
		for _, key := range keys {
			j := job{key, make(chan bool)}
			onDemand(j)
			<-j.done
			pause()
		}
	case "timer":
		done := make(chan bool)
		time.AfterFunc(time.Millisecond, func() { get(keys[0]); done <- true })
		<-done
		get(keys[1])
		get(keys[2])
	case "mixed":
		get(keys[0])
		call(keys[1])
		fan(keys[2:], call)
	case "worker":
		for _, key := range keys {
			j := job{key, make(chan bool)}
			jobs <- j
			<-j.done
		}
	}
}

func main() {
	size, _ := strconv.Atoi(os.Getenv("POOL"))
	pool = make(chan net.Conn, size)
	for i := 0; i < size; i++ {
		c, err := net.Dial("tcp", "127.0.0.1:"+os.Getenv("REDIS_PORT"))
		if err != nil {
			panic(err)
		}
		pool <- c
	}
	for i := 0; i < 8; i++ {
		go work()
	}
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = size
	http.DefaultTransport.(*http.Transport).MaxConnsPerHost = size
	shape := os.Getenv("SHAPE")
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		number := strings.TrimPrefix(r.URL.Path, "/Q")
		serve(shape, number)
		fmt.Fprint(w, "R"+number)
	})
	http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil)
}
