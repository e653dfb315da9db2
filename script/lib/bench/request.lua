-- request.lua: what wrk sends, and how it reports. Arguments: METHOD KEY BODY FILE
-- KEY and BODY may be empty; FILE holds one path per line. Prints one line of JSON.
local requests, turn = {}, 0

function init(arguments)
   local method, key, body, file = arguments[1], arguments[2], arguments[3], arguments[4]
   local headers = {}
   if key ~= "" then headers["Authorization"] = "Bearer " .. key end
   if body ~= "" then headers["Content-Type"] = "application/json" else body = nil end
   for path in io.lines(file) do
      requests[#requests + 1] = wrk.format(method, path, headers, body)
   end
end

function request()
   turn = turn % #requests + 1
   return requests[turn]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "microseconds": %d, "failed": %d, "p50": %d, "p90": %d, "p99": %d, "max": %d}\n',
      summary.requests, summary.duration,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout,
      latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max))
end
