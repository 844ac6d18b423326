-- The requests of src/work.rs, for wrk: wrk … -- OPERATION plain|rest|sql|script FIRST [HEADER]
local operation, grammar, count, headers

function init(args)
  operation, grammar, count = args[1], args[2], tonumber(args[3])
  headers = {}
  if args[4] and args[4] ~= "" then
    local name, value = args[4]:match("^([^:]+): (.*)$")
    headers[name] = value
  end
  if operation == "create" then
    headers["Content-Type"] = "application/json"
    if grammar == "rest" then headers["Prefer"] = "return=representation" end
  end
  math.randomseed(count)
end

-- Where one item is read.
local places = {
  plain = "/items/item-%09d",
  rest = "/rest/v1/items?key=eq.item-%09d",
  sql = "/sql/item-%09d",
  script = "/script/item-%09d",
}

local function item(n)
  return string.format(
    '{"key":"item-%09d","title":"What item %d is about, in a few words","category":"category-%03d","owner":"bench",'
      .. '"amount":%d,"active":%s,"data":{"size":{"h":%d,"w":%d},"tags":["red","small"]}}',
    n, n, n % 1000, n * 7 % 1000, tostring(n % 4 ~= 0), n % 90, n % 70)
end

function request()
  if operation == "create" then
    count = count + 1
    return wrk.format("POST", grammar == "rest" and "/rest/v1/items" or "/items", headers, item(count))
  end
  local n = math.random(0, 99999)
  local target
  if operation == "read by key" then
    target = places[grammar]
  else
    n = n % 1000
    target = grammar == "rest" and "/rest/v1/items?category=eq.category-%03d&order=key&limit=30"
      or "/items?category=category-%03d&limit=30"
  end
  return wrk.format("GET", string.format(target, n), headers)
end
