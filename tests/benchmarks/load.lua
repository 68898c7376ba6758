-- The requests of wrk: each line of the file LINES once or, without LINES, the same request repeatedly.
-- Each request has its own address in X-Forwarded-For, so that the limits per address are no hot row.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(arguments)
  headers = { ["Content-Type"] = "application/json", ["Authorization"] = os.getenv("AUTHORIZATION") }
  path = os.getenv("TARGET")
  bodies = {}
  sent = 0
  next_body = 0
  if os.getenv("LINES") then
    local line_number = 0
    for line in io.lines(os.getenv("LINES")) do
      if line_number % tonumber(os.getenv("THREADS")) == number then bodies[#bodies + 1] = line end
      line_number = line_number + 1
    end
  end
end

function request()
  sent = sent + 1
  headers["X-Forwarded-For"] = string.format("10.%d.%d.%d", 64 * number + math.floor(sent / 65536), math.floor(sent / 256) % 256, sent % 256)
  if #bodies == 0 then return wrk.format("GET", path, headers) end
  next_body = next_body + 1
  if next_body > #bodies then
    if os.getenv("AGAIN") then next_body = 1 else wrk.thread:stop() end
  end
  return wrk.format("POST", path, headers, bodies[next_body] or "{}")
end

function done(summary, latency, requests)
  io.write(string.format('\nRESULT {"requests": %d, "seconds": %f, "refused": %d, "broken": %d, "p50": %f, "p99": %f}\n',
    summary.requests, summary.duration / 1e6, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
