# SPDX-License-Identifier: GPL-2.0-only
# For Puma: /Q10031 makes three calls whose text holds K10031:1 to :3 (score.py). SHAPE says how.
require "redis"

POOL = Thread::Queue.new
ENV["POOL"].to_i.times { POOL << Redis.new(host: "127.0.0.1", port: ENV["REDIS_PORT"].to_i) }
JOBS = Thread::Queue.new
SHAPE = ENV["SHAPE"]
HUNG = 80000 # requests that are never answered

def get(key)
  redis = POOL.pop
  redis.get(key)
ensure
  POOL << redis if redis
end

4.times { Thread.new { loop { JOBS.pop.call } } } if SHAPE == "worker" || SHAPE == "detached"
Thread.new { loop { sleep(0.005); get("L0:1") } } if SHAPE == "ticker"
Thread.new { loop { sleep(0.01); GC.start; GC.compact if GC.respond_to?(:compact) } } if SHAPE == "collect"

def serve(number)
  keys = (1..3).map { |i| "K#{number}:#{i}" }
  case SHAPE
  when "fibers"
    keys.map { |key| Fiber.new { Fiber.yield; get(key) } }.each(&:resume).each(&:resume)
  when "threads"
    keys.map { |key| Thread.new { get(key) } }.each(&:join)
  when "lazy" # an enumerator has a fiber of its own
    values = Enumerator.new { |yielder| keys.each { |key| yielder << get(key) } }
    3.times { values.next }
  when "worker"
    done = Thread::Queue.new
    keys.each { |key| JOBS << -> { done << get(key) } }
    3.times { done.pop }
  when "retry"
    tries = 0
    begin
      get(keys[tries])
      raise "again" if (tries += 1) < 3
    rescue RuntimeError
      sleep(0.002)
      retry
    end
  else
    keys.each { |key| get(key) }
  end
  JOBS << -> { sleep(0.03); get("L#{number}:1") } if SHAPE == "detached"
end

run lambda { |env|
  number = env["PATH_INFO"][/\d+/]
  if number.to_i / 1000 == HUNG / 1000
    get("K#{number}:1")
    sleep
  end
  serve(number)
  [200, { "content-length" => (number.length + 1).to_s }, ["R" + number]]
}
