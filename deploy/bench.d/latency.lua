-- Makes wrk send POST /orders at a fixed rate, and counts from when a request was due, not from when it was sent: time
-- that it spent waiting for a slow answer before it is its own. It wants as many threads as connections. Few files may be
-- open at once in wrk, so that none is here while it runs.
--
--   wrk -s latency.lua URL -- RATE CONNECTIONS FIRST FILE OUTPUT
--
-- FILE holds the request, with @@@@@@@@@@ where the customer goes, a number from FIRST on. The latencies go to the
-- file OUTPUT, in microseconds, one a line.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds, nanoseconds; } moment;
  int clock_gettime(int clock, moment *now);
]]
local MONOTONIC = 1
local moment = ffi.new("moment")

local function now()
  ffi.C.clock_gettime(MONOTONIC, moment)
  return tonumber(moment.seconds) * 1e6 + tonumber(moment.nanoseconds) / 1e3
end

local threads = {}

function setup(thread)
  thread:set("number", #threads)
  threads[#threads + 1] = thread
end

function init(arguments)
  local rate, connections, first = tonumber(arguments[1]), tonumber(arguments[2]), tonumber(arguments[3])
  local file = assert(io.open(arguments[4], "rb"))
  local text = file:read("*a")
  file:close()
  output, latencies = arguments[5], {}
  local from, to = assert(text:find("@@@@@@@@@@", 1, true))
  before, after = text:sub(1, from - 1), text:sub(to + 1)
  -- Threads begin one after the other, so that requests are spread evenly.
  interval, step, customer = 1e6 * connections / rate, connections, first + number
  due = now() + interval * (1 + number / connections)
  -- The first second is not counted: connections are being opened.
  counted = now() + 1e6
end

function delay()
  -- Whole milliseconds, rounded down.
  return math.max(0, math.floor((due - now()) / 1e3))
end

function request()
  -- Sent early, by less than a millisecond, it counts from then.
  begin = math.min(due, now())
  due = due + interval
  customer = customer + step
  return before .. string.format("%.0f", customer) .. after
end

function response()
  if begin >= counted then latencies[#latencies + 1] = now() - begin end
end

function done(summary)
  local file = assert(io.open(threads[1]:get("output"), "w"))
  for _, thread in ipairs(threads) do
    for _, latency in ipairs(thread:get("latencies")) do file:write(string.format("%d\n", latency)) end
  end
  file:close()
  local errors = summary.errors
  print(string.format("result %d %d %d %d", summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
