-- What wrk sends: one request again and again, with another number of ten digits in each.
--
--   wrk -s throughput.lua URL -- next|random FIRST COUNT FILE
--
-- FILE holds the request, with @@@@@@@@@@ where the number goes. The numbers go up from FIRST, each once, or are random
-- ones of the COUNT from FIRST on. The last line that this prints begins with "result", and is for programs.

local threads = {}

function setup(thread)
  thread:set("number", #threads)
  threads[#threads + 1] = thread
end

function init(arguments)
  local order, path
  order, first, count, path = arguments[1], tonumber(arguments[2]), tonumber(arguments[3]), arguments[4]
  local text = assert(io.open(path, "rb")):read("*a")
  local from, to = assert(text:find("@@@@@@@@@@", 1, true))
  before, after = text:sub(1, from - 1), text:sub(to + 1)
  used = 0
  if order == "random" then
    math.randomseed(os.time() + number)
    choose = function() return first + math.random(0, count - 1) end
  else
    -- Threads take turns; there are two of them.
    choose = function()
      used = used + 1
      return first + 2 * (used - 1) + number
    end
  end
end

function request()
  return before .. string.format("%.0f", choose()) .. after
end

function done(summary, latency)
  local most = 0
  for _, thread in ipairs(threads) do most = math.max(most, thread:get("used")) end
  local errors = summary.errors
  print(string.format("result %d %d %d %d %d", summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, 2 * most))
end
