-- POSTs the lines of a file, one after the other and over again; the headers come from wrk's -H.
local requests, count, last = {}, 0, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    count = count + 1
    requests[count] = wrk.format("POST", nil, nil, line)
  end
end

function request()
  last = last % count + 1
  return requests[last]
end

-- Microseconds, as wrk counts them.
function done(summary, latency, _)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("measured %d %d %d %d %d %d\n", summary.requests, summary.duration, summary.bytes,
    failed, latency:percentile(50), latency:percentile(99)))
end
