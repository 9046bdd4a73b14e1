-- Reserves: each request a client of one of the offices in the file, under a key of its own.
-- A line of the file: the token, then the ids of clients, between tabs. The other arguments: what the keys begin
-- with, and the body around key and client.
local offices, count, parts, prefix, sent = {}, 0, {}, "", 0
refused = 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    local fields = {}
    for field in line:gmatch("[^\t]+") do fields[#fields + 1] = field end
    local office = { headers = { ["Content-Type"] = "application/json", ["Authorization"] = fields[1] } }
    for place = 2, #fields do office[place - 1] = fields[place] end
    count = count + 1
    offices[count] = office
  end
  prefix, parts = arguments[2], { arguments[3], arguments[4], arguments[5] }
  math.randomseed(os.time())
end

function request()
  sent = sent + 1
  local office = offices[math.random(count)]
  local client = office[math.random(#office)]
  local body = parts[1] .. prefix .. sent .. parts[2] .. client .. parts[3]
  return wrk.format("POST", nil, office.headers, body)
end

function response(_, _, body)
  if not body:find("ReserveQuotaSuccess", 1, true) then refused = refused + 1 end
end

local threads = {}
function setup(thread) threads[#threads + 1] = thread end

-- Microseconds, as wrk counts them.
function done(summary, latency, _)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  for _, thread in ipairs(threads) do failed = failed + thread:get("refused") end
  io.write(string.format("measured %d %d %d %d %d %d\n", summary.requests, summary.duration, summary.bytes,
    failed, latency:percentile(50), latency:percentile(99)))
end
