-- SPDX-License-Identifier: GPL-2.0-only
-- The shop's traffic for wrk: every endpoint in turn, the same ids in every run.
local paths = { "/pair/%d", "/orders/%d", "/product/%d", "/pair/%d", "/checkout?order=%d", "/health" }
local number = 0

function request()
	local path = paths[number % #paths + 1]
	local id = math.floor(number / #paths) % 100 + 1
	number = number + 1
	return wrk.format("GET", string.format(path, id))
end
