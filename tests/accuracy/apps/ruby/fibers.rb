# SPDX-License-Identifier: GPL-2.0-only
# A server with a fiber for each connection (SHAPE=connection) or for each request, and its own loop of events.
# /Q10031 makes three calls whose text holds K10031:1 to :3 (score.py).
require "fiber" # Fiber.current, before 3.1
require "socket"
WAITING = {}
READY = []
def wait(io)
  WAITING[io] = Fiber.current
  Fiber.yield
end
def get(key)
  redis = (POOL.pop or (READY << Fiber.current; Fiber.yield; POOL.pop))
  redis.write("*2\r\n$3\r\nGET\r\n$#{key.length}\r\n#{key}\r\n")
  wait(redis)
  redis.readpartial(64)
  POOL << redis
  READY.shift&.resume
end
def serve(client)
  loop do
    wait(client)
    number = client.readpartial(1024)[/Q(\d+)/, 1]
    if ENV["SHAPE"] == "request"
      Fiber.new { work(client, number) }.resume
    else
      work(client, number)
    end
  end
rescue EOFError, Errno::ECONNRESET
  client.close
end
def work(client, number)
  (1..3).each { |i| get("K#{number}:#{i}") }
  client.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nR#{number}")
end
POOL = Array.new(ENV["POOL"].to_i) { TCPSocket.new("127.0.0.1", ENV["REDIS_PORT"].to_i) }
server = TCPServer.new("127.0.0.1", ENV["PORT"].to_i)
server.listen(128)
loop do
  IO.select([server, *WAITING.keys])[0].each do |io|
    if io == server
      client = server.accept
      client.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
      Fiber.new { serve(client) }.resume
    else
      WAITING.delete(io).resume
    end
  end
end
