// SPDX-License-Identifier: GPL-2.0-only
// axum with the clients that people use, for tests that judge parents: /Q10031 makes three calls whose text holds
// K10031:1 to :3 (score.py). PORT, REDIS_PORT, POSTGRES_URL, UPSTREAM_PORT, POOL, CLIENT (pooled, redis, sqlx, reqwest),
// SHAPE and FLAVOR (multi, current) are environment variables.
use axum::extract::{Path, State};
use axum::{routing::get, Router};
use sqlx::Executor;
use std::env;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};

enum Client {
    // A connection at a time for each call: its task is the caller's own, but the driver's writes.
    Pooled { free: Semaphore, kept: Mutex<Vec<redis::aio::MultiplexedConnection>>, client: redis::Client },
    Redis(redis::aio::MultiplexedConnection),
    Sqlx(sqlx::PgPool),
    Reqwest(reqwest::Client, Semaphore),
}

type Shared = Arc<Client>;

fn setting(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

async fn open() -> Client {
    let size: usize = setting("POOL").parse().unwrap_or(64);
    let address = format!("redis://127.0.0.1:{}/", setting("REDIS_PORT"));
    match setting("CLIENT").as_str() {
        "sqlx" => {
            let options = sqlx::postgres::PgPoolOptions::new();
            let options = options.max_connections(size as u32).acquire_timeout(Duration::from_secs(60));
            Client::Sqlx(options.connect(&setting("POSTGRES_URL")).await.unwrap())
        }
        "reqwest" => Client::Reqwest(reqwest::Client::new(), Semaphore::new(size)),
        "redis" => {
            let client = redis::Client::open(address).unwrap();
            Client::Redis(client.get_multiplexed_async_connection().await.unwrap())
        }
        _ => {
            let client = redis::Client::open(address).unwrap();
            Client::Pooled { free: Semaphore::new(size), kept: Mutex::new(Vec::new()), client }
        }
    }
}

async fn ask(connection: &mut redis::aio::MultiplexedConnection, text: String) {
    let _: Option<String> = redis::cmd("GET").arg(text).query_async(connection).await.unwrap();
}

async fn call(client: Shared, text: String) {
    match &*client {
        Client::Redis(connection) => ask(&mut connection.clone(), text).await,
        Client::Sqlx(pool) => {
            pool.execute(format!("SELECT 1 AS \"{text}\"").as_str()).await.unwrap();
        }
        Client::Reqwest(client, free) => {
            let _permit = free.acquire().await.unwrap();
            let url = format!("http://127.0.0.1:{}/{text}", setting("UPSTREAM_PORT"));
            client.get(url).send().await.unwrap().bytes().await.unwrap();
        }
        Client::Pooled { free, kept, client } => {
            let _permit = free.acquire().await.unwrap();
            let idle = kept.lock().await.pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => client.get_multiplexed_async_connection().await.unwrap(),
            };
            ask(&mut connection, text).await;
            kept.lock().await.push(connection);
        }
    }
}

async fn pause(number: &str) {
    let number: u64 = number.parse().unwrap_or(0);
    tokio::time::sleep(Duration::from_micros(number * 7919 % 4000)).await;
}

async fn work(client: Shared, number: &str) {
    let key = |i: usize| format!("K{number}:{i}");
    call(client.clone(), key(1)).await;
    pause(number).await;
    match setting("SHAPE").as_str() {
        "join" => {
            tokio::join!(call(client.clone(), key(2)), call(client.clone(), key(3)));
        }
        "spawn" => {
            let second = tokio::spawn(call(client.clone(), key(2)));
            let third = tokio::spawn(call(client.clone(), key(3)));
            second.await.unwrap();
            third.await.unwrap();
        }
        "timeout" => {
            let _ = tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
            call(client.clone(), key(2)).await;
            call(client.clone(), key(3)).await;
        }
        _ => {
            call(client.clone(), key(2)).await;
            call(client.clone(), key(3)).await;
        }
    }
    if setting("SHAPE") == "detached" {
        let text = format!("L{number}:4");
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            call(client, text).await;
        });
    }
}

async fn serve(State(client): State<Shared>, Path(path): Path<String>) -> String {
    let number = path.trim_start_matches('Q').to_string();
    work(client, &number).await;
    format!("R{number}")
}

async fn run() {
    let application = Router::new().route("/:path", get(serve)).with_state(Arc::new(open().await));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{}", setting("PORT"))).await.unwrap();
    axum::serve(listener, application).await.unwrap();
}

fn main() {
    let mut builder = match setting("FLAVOR").as_str() {
        "current" => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.enable_all().build().unwrap().block_on(run());
}
