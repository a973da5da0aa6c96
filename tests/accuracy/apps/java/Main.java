// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tomcat with the clients that people use, for tests that judge parents: /Q10031 makes three calls whose text holds
 * K10031:1 to :3 (score.py); L10031:1 is nobody's. PORT, REDIS_PORT, POSTGRES_PORT, UPSTREAM_PORT, POOL are environment
 * variables, as are CLIENT (jedis, jdbc, url or http), SHAPE, and THREADS (platform, virtual). Compiles for 17.
 */
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.sql.Connection;
import java.sql.Statement;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.JedisPoolConfig;

class Main {
    interface Client {
        void call(String text) throws Exception;
    }

    static final int HUNG = 80000; /* requests that are never answered */
    static final String shape = setting("SHAPE", "sequence");
    static final int size = Integer.parseInt(setting("POOL", "64"));
    static final ScheduledExecutorService timers = Executors.newScheduledThreadPool(2);
    static ExecutorService workers;
    static Client client;

    static String setting(String name, String otherwise) {
        return System.getenv().getOrDefault(name, otherwise);
    }

    static ExecutorService virtual() throws Exception {
        return (ExecutorService) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
    }

    /* ---- clients ---- */

    static Client jedis() {
        JedisPoolConfig config = new JedisPoolConfig();
        config.setMaxTotal(size);
        config.setMaxIdle(size);
        JedisPool pool = new JedisPool(config, "127.0.0.1", Integer.parseInt(setting("REDIS_PORT", "6379")), 60000);
        return text -> {
            try (Jedis jedis = pool.getResource()) {
                jedis.get(text);
            }
        };
    }

    static Client jdbc() {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl("jdbc:postgresql://127.0.0.1:" + setting("POSTGRES_PORT", "5432") + "/postgres?user=shop");
        config.setMaximumPoolSize(size);
        config.setMinimumIdle(Math.min(size, 8));
        HikariDataSource source = new HikariDataSource(config);
        return text -> {
            try (Connection connection = source.getConnection(); Statement statement = connection.createStatement()) {
                statement.executeQuery("SELECT 1 AS \"" + text + "\"").next();
            }
        };
    }

    static Client url() {
        Semaphore pool = new Semaphore(size);
        return text -> {
            pool.acquire();
            try {
                URI uri = URI.create("http://127.0.0.1:" + setting("UPSTREAM_PORT", "80") + "/" + text);
                HttpURLConnection connection = (HttpURLConnection) uri.toURL().openConnection();
                try (InputStream in = connection.getInputStream()) {
                    in.readAllBytes();
                }
            } finally {
                pool.release();
            }
        };
    }

    static Client http() {
        HttpClient client = HttpClient.newHttpClient();
        return text -> {
            URI uri = URI.create("http://127.0.0.1:" + setting("UPSTREAM_PORT", "80") + "/" + text);
            HttpRequest request = HttpRequest.newBuilder(uri).version(HttpClient.Version.HTTP_1_1).build();
            client.send(request, HttpResponse.BodyHandlers.ofString());
        };
    }

    /* ---- shapes ---- */

    static void call(String text) {
        try {
            client.call(text);
        } catch (Exception e) {
            throw new RuntimeException(e);
        }
    }

    static void pause() throws InterruptedException {
        Thread.sleep(ThreadLocalRandom.current().nextInt(5));
    }

    static void work(String k) throws Exception {
        switch (shape) {
        case "executor":
            call(k + "1");
            workers.submit(() -> call(k + "2")).get();
            pause();
            workers.submit(() -> call(k + "3")).get();
            break;
        case "fan":
            call(k + "1");
            Future<?> second = workers.submit(() -> call(k + "2")), third = workers.submit(() -> call(k + "3"));
            second.get();
            third.get();
            break;
        case "completable":
            CompletableFuture.runAsync(() -> call(k + "1"), workers).thenRun(() -> call(k + "2"))
                .thenRunAsync(() -> call(k + "3"), workers).get();
            break;
        case "parallel":
            IntStream.range(1, 4).parallel().forEach(i -> call(k + i));
            break;
        case "timer":
            call(k + "1");
            timers.schedule(() -> call(k + "2"), 2, TimeUnit.MILLISECONDS).get();
            call(k + "3");
            break;
        case "cancel": /* its call is made, what would follow is not */
            call(k + "1");
            Future<?> lost = workers.submit(() -> {
                call(k + "2");
                Thread.sleep(60000);
                call("L" + k.substring(1) + "2");
                return 0;
            });
            Thread.sleep(20);
            lost.cancel(true);
            call(k + "3");
            break;
        default:
            call(k + "1");
            pause();
            call(k + "2");
            call(k + "3");
        }
    }

    static void afterwards(String number) {
        if (!shape.equals("detached"))
            return;
        timers.schedule(() -> call("L" + number + ":1"), 20, TimeUnit.MILLISECONDS);
        workers.submit(() -> {
            Thread.sleep(20);
            call("L" + number + ":2");
            return 0;
        });
    }

    static class Servlet extends HttpServlet {
        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            String number = request.getRequestURI().substring(2);
            byte[] answer = ("R" + number).getBytes();
            try {
                if (Integer.parseInt(number) / 1000 == HUNG / 1000) {
                    call("K" + number + ":1");
                    Thread.sleep(Integer.MAX_VALUE);
                }
                work("K" + number + ":");
            } catch (Exception e) {
                throw new IOException(e);
            }
            response.setContentLength(answer.length);
            response.getOutputStream().write(answer);
            response.flushBuffer();
            afterwards(number);
        }
    }

    public static void main(String[] args) throws Exception {
        boolean virtual = setting("THREADS", "platform").equals("virtual");
        workers = setting("WORKERS", "pool").equals("pool") ? Executors.newFixedThreadPool(16)
            : setting("WORKERS", "").equals("virtual") ? virtual() : new ForkJoinPool(16);
        switch (setting("CLIENT", "jedis")) {
        case "jdbc": client = jdbc(); break;
        case "url": client = url(); break;
        case "http": client = http(); break;
        default: client = jedis();
        }
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(args[0]);
        tomcat.setPort(Integer.parseInt(setting("PORT", "0")));
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        tomcat.getConnector().setProperty("maxKeepAliveRequests", "-1");
        if (virtual)
            tomcat.getConnector().getProtocolHandler().setExecutor(virtual());
        Context context = tomcat.addContext("", args[0]);
        Tomcat.addServlet(context, "servlet", new Servlet());
        context.addServletMappingDecoded("/*", "servlet");
        if (setting("GC", "").length() > 0)
            timers.scheduleWithFixedDelay(System::gc, 100, 200, TimeUnit.MILLISECONDS);
        if (shape.equals("ticker"))
            timers.scheduleAtFixedRate(() -> call("L0:1"), 5, 5, TimeUnit.MILLISECONDS);
        tomcat.start();
        tomcat.getServer().await();
    }
}
