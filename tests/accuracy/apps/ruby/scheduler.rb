# SPDX-License-Identifier: GPL-2.0-only
# Fibers under a Fiber scheduler (async, Ruby 3.1 and later): a task for each connection, and for SHAPE=gather one for
# each call; SHAPE=request: one for each request, which answers. /Q10031 makes three calls whose text holds K10031:1
# to :3 (score.py).
require "async"
require "async/barrier"
require "async/semaphore"
require "socket"

POOL = []
FREE = Async::Semaphore.new(ENV["POOL"].to_i)

def get(key)
  FREE.acquire do
    redis = POOL.pop || TCPSocket.new("127.0.0.1", ENV["REDIS_PORT"].to_i)
    redis.write("*2\r\n$3\r\nGET\r\n$#{key.length}\r\n#{key}\r\n")
    redis.readpartial(64)
    POOL << redis
  end
end

def work(task, client, number)
  get("K#{number}:1")
  sleep(rand / 200)
  if ENV["SHAPE"] == "gather"
    barrier = Async::Barrier.new(parent: task)
    (2..3).each { |i| barrier.async { get("K#{number}:#{i}") } }
    barrier.wait
  else
    (2..3).each { |i| get("K#{number}:#{i}") }
  end
  client.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nR#{number}")
  get("L#{number}:1") if ENV["SHAPE"] == "background"
end

def serve(task, client)
  loop do
    number = client.readpartial(1024)[/Q(\d+)/, 1]
    if ENV["SHAPE"] == "request"
      task.async { |child| work(child, client, number) }
    else
      work(task, client, number)
    end
  end
rescue EOFError, Errno::ECONNRESET
  client.close
end

Async do |task|
  server = TCPServer.new("127.0.0.1", ENV["PORT"].to_i)
  loop do
    client = server.accept
    client.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
    task.async { |child| serve(child, client) }
  end
end
