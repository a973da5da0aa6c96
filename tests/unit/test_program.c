// SPDX-License-Identifier: GPL-2.0-only
/* userspace/capture/program.h: command lines as they are found, and what their owner would call
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "userspace/base/buf.h"
#include "userspace/capture/program.h"

/* Words of a command line are separated by '|': titles have blanks. */
struct sample {
	const char *executable, *cmdline, *directory, *name, *language;
};

#define PYTHON "/usr/bin/python3.11"

static const struct sample python[] = {
	{ PYTHON, "/usr/bin/python3|/usr/bin/gunicorn|-w|4|-b|0.0.0.0:8000|shop.web:app", "/srv",
	  "shop.web", "python" },
	{ PYTHON,
	  "/venv/bin/python|/venv/bin/"
	  "gunicorn|--bind|[::]:8000|-k|uvicorn.workers.UvicornWorker|shop.main:app",
	  "/", "shop", "python" },
	{ PYTHON, "python3|/usr/bin/gunicorn|--bind|unix:/run/shop.sock|shop.wsgi:application", "/",
	  "shop", "python" },
	{ PYTHON, "python3|/usr/bin/gunicorn|--reload|shop.wsgi", "/", "shop", "python" },
	{ PYTHON, "python3|/usr/bin/gunicorn|-w|4|orders:create_app()", "/", "orders", "python" },
	{ PYTHON, "python3|/usr/bin/gunicorn|-w|4|app:app", "/srv/orders", "orders/app", "python" },
	{ PYTHON, "python3|/usr/bin/gunicorn|-c|gunicorn.conf.py", "/srv/orders", "orders",
	  "python" },
	{ PYTHON, "python3|/usr/bin/gunicorn", "/", "gunicorn", "python" },
	{ PYTHON, "gunicorn: master [shop.web:app]", "/", "shop.web", "python" },
	{ PYTHON, "gunicorn: worker [shop.wsgi:application]", "/", "shop", "python" },
	{ PYTHON, "gunicorn: worker [app:app]", "/srv/orders", "orders/app", "python" },
	{ PYTHON, "gunicorn: worker [checkout]", "/", "checkout", "python" },
	{ PYTHON, "python3|/usr/bin/uvicorn|--factory|shop.api:create_app|--port|8000", "/",
	  "shop.api", "python" },
	{ PYTHON, "python3|/usr/bin/uvicorn|main:app|--host|0.0.0.0|--port|80", "/srv/orders",
	  "orders/main", "python" },
	{ PYTHON, "python3|/usr/bin/uvicorn|main:app", "/app", "main", "python" },
	{ PYTHON, "python3|-m|uvicorn|shop.main:app|--host|127.0.0.1", "/", "shop", "python" },
	{ PYTHON, "python3|-m|pkg.mod|--verbose", "/", "pkg.mod", "python" },
	{ PYTHON, "python3|-mpkg.mod", "/", "pkg.mod", "python" },
	{ PYTHON, "python3|-m|http.server|8000", "/srv", "http.server", "python" },
	{ PYTHON, "python3|-W|ignore|-u|-X|dev|billing.py", "/srv", "billing", "python" },
	{ PYTHON, "python3|/srv/api/app.py", "/", "app", "python" },
	{ PYTHON, "python3|/srv/shop/src/app.py", "/", "shop/app", "python" },
	{ PYTHON, "python3|app.py", "/srv/shop", "shop/app", "python" },
	{ PYTHON, "python3|./app.py", "/srv/shop", "shop/app", "python" },
	{ PYTHON, "python3|-c|import time; time.sleep(9)", "/srv/shop", "python3.11", "python" },
	{ PYTHON, "python3", "/srv/shop", "python3.11", "python" },
	{ PYTHON, "python3|/usr/bin/flask|--app|shop|run", "/srv", "shop", "python" },
	{ PYTHON, "python3|-m|flask|--app=shop.web|run|--port|5000", "/srv", "shop.web", "python" },
	{ PYTHON, "python3|/usr/bin/flask|run", "/srv/orders", "orders", "python" },
	{ PYTHON, "python3|/usr/bin/flask|run", "/app", "flask", "python" },
	{ PYTHON, "python3|/usr/bin/celery|-A|shop.tasks|worker|-l|info", "/", "shop.tasks-worker",
	  "python" },
	{ PYTHON, "python3|-m|celery|--app=shop|beat", "/", "shop-beat", "python" },
	{ PYTHON, "python3|/usr/bin/celery|worker", "/", "celery-worker", "python" },
	{ PYTHON, "python3|manage.py|runserver|0.0.0.0:8000", "/srv/shop", "shop", "python" },
	{ PYTHON, "python3|/srv/shop/manage.py|runserver", "/", "shop", "python" },
	{ PYTHON, "/venv/bin/python3|/venv/bin/billing-service|--port|80", "/", "billing-service",
	  "python" },
	{ "/usr/bin/pypy3", "pypy3|billing.py", "/srv", "billing", "python" },
};

#define NODE "/usr/bin/node"

static const struct sample node[] = {
	{ NODE, "node|server.js", "/srv/cart", "cart/server", "nodejs" },
	{ NODE, "node|--max-old-space-size=4096|--require|dd-trace/init|dist/index.js", "/srv/cart",
	  "cart/index", "nodejs" },
	{ NODE, "node|-r|./tracing.js|/srv/cart/checkout.mjs", "/", "checkout", "nodejs" },
	{ NODE, "node|/app/server.js", "/app", "server", "nodejs" },
	{ NODE, "node|/srv/cart/node_modules/.bin/next|start", "/", "cart", "nodejs" },
	{ NODE, "node|node_modules/.bin/ts-node|src/main.ts", "/srv/cart", "cart", "nodejs" },
	{ NODE, "next-server (v14.1.0)", "/srv/cart", "cart", "nodejs" },
	{ NODE, "next-server (v14.1.0)", "/app", "next-server", "nodejs" },
	{ NODE, "npm start", "/srv/cart", "npm", "nodejs" },
	{ NODE, "node|/usr/bin/npm|run|start", "/srv/cart", "npm", "nodejs" },
	{ NODE, "node|/usr/share/yarn/bin/yarn.js|start", "/srv/cart", "yarn", "nodejs" },
	{ NODE, "node|/usr/lib/node_modules/npm/bin/npx-cli.js|serve", "/srv/cart", "npx",
	  "nodejs" },
	{ NODE, "node /srv/cart/server.js    ", "/", "cart/server", "nodejs" },
	{ NODE, "PM2 v5.3.0: God Daemon (/root/.pm2)", "/", "pm2", "nodejs" },
	{ NODE, "node|-e|setInterval(() => {}, 1000)", "/srv/cart", "node", "nodejs" },
	{ "/usr/bin/nodejs", "nodejs|billing.js", "/", "billing", "nodejs" },
	{ "/usr/local/bin/bun", "bun|billing.ts", "/", "billing", "nodejs" },
};

#define JAVA "/usr/lib/jvm/java-17/bin/java"

static const struct sample java[] = {
	{ JAVA, "java|-Xmx1g|-jar|/opt/billing.jar|--server.port=80", "/", "billing", "java" },
	{ JAVA, "java|-jar|/opt/billing-1.2.3.jar", "/", "billing", "java" },
	{ JAVA, "java|-jar|target/billing-0.0.1-SNAPSHOT.jar", "/", "billing", "java" },
	{ JAVA, "java|-jar|order-service-2.jar", "/", "order-service", "java" },
	{ JAVA, "java|-jar|/srv/billing/app.jar", "/", "billing/app", "java" },
	{ JAVA, "java|-jar|/app.jar", "/", "app", "java" },
	{ JAVA, "java|-Dspring.application.name=billing|-jar|/app.jar", "/", "billing", "java" },
	{ JAVA, "java|-jar|/app.jar|--spring.application.name=billing", "/", "billing", "java" },
	{ JAVA, "java|-cp|/opt/lib/*:/opt/x.jar|com.example.shop.ShopApplication", "/",
	  "ShopApplication", "java" },
	{ JAVA, "java|-cp|/opt/x.jar|com.example.shop.Main", "/", "shop.Main", "java" },
	{ JAVA, "java|--add-opens|java.base/java.lang=ALL-UNNAMED|-cp|x|Billing", "/", "Billing",
	  "java" },
	{ JAVA, "java|--module-path|mods|-m|com.shop/com.shop.Main", "/", "shop.Main", "java" },
	{ JAVA,
	  "java|-Dcatalina.base=/srv|-classpath|x.jar|org.apache.catalina.startup.Bootstrap|start",
	  "/", "tomcat", "java" },
	{ JAVA, "java|-version", "/", "java", "java" },
};

static const struct sample others[] = {
	{ "/usr/bin/ruby3.1", "puma 6.4.0 (tcp://0.0.0.0:3000) [shop]", "/", "shop", "ruby" },
	{ "/usr/bin/ruby3.1", "puma: cluster worker 0: 1234 [shop]", "/", "shop", "ruby" },
	{ "/usr/bin/ruby3.1", "ruby|/usr/bin/puma|-C|config/puma.rb", "/srv/shop/current", "shop",
	  "ruby" },
	{ "/usr/bin/ruby3.1", "ruby|bin/rails|server", "/srv/shop", "shop", "ruby" },
	{ "/usr/bin/ruby3.1", "sidekiq 7.1.0 shop [0 of 5 busy]", "/", "shop-sidekiq", "ruby" },
	{ "/usr/bin/ruby3.1", "unicorn worker[0] -c config/unicorn.rb", "/srv/shop", "shop",
	  "ruby" },
	{ "/usr/bin/ruby3.1", "ruby|-I|lib|billing.rb", "/", "billing", "ruby" },
	{ "/usr/sbin/php-fpm8.2", "php-fpm: pool shop", "/", "shop", "php" },
	{ "/usr/sbin/php-fpm8.2", "php-fpm: pool www", "/", "php-fpm", "php" },
	{ "/usr/sbin/php-fpm8.2", "php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)", "/",
	  "php-fpm", "php" },
	{ "/usr/bin/php8.2", "php|artisan|serve", "/srv/shop", "shop", "php" },
	{ "/usr/bin/php8.2", "php|-S|0.0.0.0:80|-t|public", "/srv/shop", "shop", "php" },
	{ "/usr/bin/php8.2", "php|-d|x=1|billing.php", "/", "billing", "php" },
	{ "/usr/sbin/nginx", "nginx: master process /usr/sbin/nginx -g daemon off;", "/", "nginx",
	  "" },
	{ "/usr/sbin/nginx", "nginx: worker process", "/", "nginx", "" },
	{ "/usr/bin/redis-server", "/usr/bin/redis-server 127.0.0.1:6379", "/", "redis-server",
	  "" },
	{ "/usr/bin/dotnet", "dotnet|/app/Shop.Api.dll", "/app", "Shop.Api", "dotnet" },
	{ "/usr/bin/dotnet", "dotnet|exec|--depsfile|x.json|Shop.Api.dll", "/", "Shop.Api",
	  "dotnet" },
	{ "/usr/bin/dotnet", "dotnet|run|--project|src/Shop.Api", "/", "Shop.Api", "dotnet" },
	{ "/srv/bin/checkout", "/srv/bin/checkout|--port|80", "/", "checkout", "" },
	{ "/srv/cart/bin/server", "./server", "/", "cart/server", "" },
	{ "/app/main", "/app/main", "/app", "main", "" },
	{ "/usr/bin/node_exporter", "node_exporter|--web.listen-address=:9100", "/",
	  "node_exporter", "" },
	{ "/usr/bin/shop", "shop|x.sh", "/", "shop", "" },
	{ "/usr/bin/bash", "/bin/bash|/srv/backup.sh", "/", "backup", "" },
	{ "/usr/bin/bash", "bash|-c|sleep 3", "/", "bash", "" },
	{ "/usr/bin/dash", "sh|-e|/srv/run.sh", "/", "dash", "" },
	{ "/usr/bin/perl", "/usr/bin/perl|/srv/billing.pl", "/", "billing", "" },
	{ "/usr/lib/erlang/bin/beam.smp", "beam.smp|--|-root|/usr|-sname|rabbit", "/", "rabbit",
	  "erlang" },
	{ "/usr/lib/erlang/bin/beam.smp", "beam.smp|-name|shop@127.0.0.1", "/", "shop", "erlang" },
	{ "", "", "", "", "" },
};

static void name_one(struct program *p, const struct sample *s)
{
	char words[512];
	size_t len = strlen(s->cmdline);

	memcpy(words, s->cmdline, len + 1);
	for (size_t i = 0; i < len; i++)
		if (words[i] == '|')
			words[i] = '\0';
	program_name(p, s->executable, bytes_of(words, len ? len + 1 : 0), s->directory);
}

static void check(const struct sample *samples, size_t count)
{
	struct program p;
	size_t wrong = 0;

	for (size_t i = 0; i < count; i++) {
		name_one(&p, &samples[i]);
		if (!strcmp(p.name, samples[i].name) && !strcmp(p.language, samples[i].language))
			continue;
		wrong++;
		print_error("%s in %s: \"%s\" (%s), not \"%s\" (%s)\n", samples[i].cmdline,
			    samples[i].directory, p.name, p.language, samples[i].name,
			    samples[i].language);
	}
	assert_int_equal(wrong, 0);
}

static void test_python(void **state)
{
	(void)state;
	check(python, sizeof(python) / sizeof(python[0]));
}

static void test_node(void **state)
{
	(void)state;
	check(node, sizeof(node) / sizeof(node[0]));
}

static void test_java(void **state)
{
	(void)state;
	check(java, sizeof(java) / sizeof(java[0]));
}

static void test_others(void **state)
{
	(void)state;
	check(others, sizeof(others) / sizeof(others[0]));
}

/* Whether it is more than the interpreter's or server's own name decides if a container's is
 * better. */
static void test_named(void **state)
{
	struct program p;

	(void)state;
	program_name(&p, PYTHON, bytes_of("python3\0billing.py", 19), "/");
	assert_true(p.named);
	program_name(&p, PYTHON, bytes_of("python3", 8), "/");
	assert_false(p.named);
	program_name(&p, "/app/main", bytes_of("main", 5), "/");
	assert_false(p.named);
	program_name(&p, "/usr/bin/redis-server", bytes_of("redis-server", 13), "/");
	assert_false(p.named);
	assert_string_equal(p.executable, "redis-server");
	assert_string_equal(p.path, "/usr/bin/redis-server");
}

/* Every word of every sample cut at every place, and words of thousands of bytes. */
static void test_hostile(void **state)
{
	static const struct sample *const all[] = { python, node, java, others };
	static const size_t counts[] = { sizeof(python) / sizeof(python[0]),
					 sizeof(node) / sizeof(node[0]),
					 sizeof(java) / sizeof(java[0]),
					 sizeof(others) / sizeof(others[0]) };
	static char huge[60000];
	struct program p;

	(void)state;
	for (size_t k = 0; k < 4; k++) {
		for (size_t i = 0; i < counts[k]; i++) {
			char words[512];
			size_t len = strlen(all[k][i].cmdline);

			memcpy(words, all[k][i].cmdline, len + 1);
			for (size_t c = 0; c < len; c++)
				if (words[c] == '|')
					words[c] = '\0';
			for (size_t cut = 0; cut <= len; cut++)
				program_name(&p, all[k][i].executable, bytes_of(words, cut),
					     all[k][i].directory);
		}
		memset(huge, k & 1 ? ':' : '/', sizeof(huge));
		memcpy(huge, "python3\0-m\0gunicorn", 20);
		program_name(&p, all[k][0].executable, bytes_of(huge, sizeof(huge)), "/srv");
		memset(huge + 8, 'a', sizeof(huge) - 8);
		program_name(&p, all[k][0].executable, bytes_of(huge, sizeof(huge)), "/srv");
		assert_true(strlen(p.name) < sizeof(p.name));
	}
}

static void test_read(void **state)
{
	struct program p;

	(void)state;
	assert_int_equal(program_read((uint32_t)getpid(), &p), 0);
	assert_string_equal(p.executable, "test_program");
	assert_true(program_read(0x7fffffff, &p) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_python), cmocka_unit_test(test_node),
		cmocka_unit_test(test_java),   cmocka_unit_test(test_others),
		cmocka_unit_test(test_named),  cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
