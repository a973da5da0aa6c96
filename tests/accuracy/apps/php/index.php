<?php
// SPDX-License-Identifier: GPL-2.0-only
// For PHP-FPM: /Q10031 makes three calls whose text holds K10031:1 to :3 (score.py), over a connection that is kept.
$number = substr($_SERVER['REQUEST_URI'], 2);
$redis = new Redis();
$redis->pconnect('127.0.0.1', (int) getenv('REDIS_PORT'));
foreach ([1, 2, 3] as $i) {
	$redis->get("K$number:$i");
}
header('Content-Length: ' . (strlen($number) + 1));
echo "R$number";
if (getenv('SHAPE') === 'after') {
	fastcgi_finish_request();
	$redis->get("L$number:4");
}
