// SPDX-License-Identifier: GPL-2.0-only
// For test_context_executors.py: the calls of a request, handed to other threads. SHAPE says in which way.
import com.sun.net.httpserver.HttpServer;
import java.io.*;
import java.net.*;
import java.util.*;
import java.util.concurrent.*;

class Main {
    static final BlockingQueue<Socket> pool = new LinkedBlockingQueue<>();
    static final int workers = Integer.parseInt(System.getenv("WORKERS"));
    static ExecutorService work;

    static int get(String key) throws Exception {
        Socket socket = pool.take();
        try {
            socket.getOutputStream().write(
                ("*2\r\n$3\r\nGET\r\n$" + key.length() + "\r\n" + key + "\r\n").getBytes());
            socket.getInputStream().read(new byte[64]);
        } finally {
            pool.put(socket);
        }
        return 0;
    }
    static int quiet(String key) {
        try { return get(key); } catch (Exception e) { throw new RuntimeException(e); }
    }

    static void serve(String number) throws Exception {
        String key = "K" + number + ":";
        switch (System.getenv("SHAPE")) {
        case "sequence":
            for (int i = 1; i < 4; i++) get(key + i);
            break;
        case "submit":
            get(key + 1);
            for (int i = 2; i < 4; i++) { String k = key + i; work.submit(() -> get(k)).get(); }
            break;
        case "own":  // the last call is its own
            for (int i = 1; i < 3; i++) { String k = key + i; work.submit(() -> get(k)).get(); }
            get(key + 3);
            break;
        case "fan": {
            get(key + 1);
            Future<?> f = work.submit(() -> get(key + 2)), g = work.submit(() -> get(key + 3));
            f.get(); g.get();
            break;
        }
        case "all": {
            List<Callable<Integer>> tasks = new ArrayList<>();
            for (int i = 1; i < 4; i++) { String k = key + i; tasks.add(() -> get(k)); }
            work.invokeAll(tasks);
            break;
        }
        case "task":  // one task, all calls
            work.submit(() -> { for (int i = 1; i < 4; i++) get(key + i); return 0; }).get();
            break;
        case "async":
            for (int i = 1; i < 4; i++) { String k = key + i;
                CompletableFuture.supplyAsync(() -> quiet(k), work).join(); }
            break;
        case "common":
            for (int i = 1; i < 4; i++) { String k = key + i;
                CompletableFuture.supplyAsync(() -> quiet(k)).join(); }
            break;
        case "chain":
            CompletableFuture.supplyAsync(() -> quiet(key + 1), work)
                .thenApplyAsync(x -> quiet(key + 2), work).thenApplyAsync(x -> quiet(key + 3), work).join();
            break;
        case "forget":
            get(key + 1); get(key + 2); get(key + 3);
            work.submit(() -> get("L" + number + ":1"));
            break;
        case "mixed":
            get(key + 1);
            work.submit(() -> get("L" + number + ":1"));
            for (int i = 2; i < 4; i++) { String k = key + i; work.submit(() -> get(k)).get(); }
            break;
        case "bounded": {
            for (int i = 1; i < 4; i++) { String k = key + i;
                FutureTask<Integer> t = new FutureTask<>(() -> get(k)); queue.put(t); t.get(); }
            break;
        }
        case "boundedforget": {
            get(key + 1); get(key + 2); get(key + 3);
            queue.put(new FutureTask<Integer>(() -> get("L" + number + ":1")));
            break;
        }
        }
    }
    static BlockingQueue<FutureTask<Integer>> queue = new ArrayBlockingQueue<>(4);

    public static void main(String[] args) throws Exception {
        for (int i = 0; i < Integer.parseInt(System.getenv("POOL")); i++) {
            Socket socket = new Socket("127.0.0.1", Integer.parseInt(System.getenv("REDIS_PORT")));
            socket.setTcpNoDelay(true);
            pool.put(socket);
        }
        work = Executors.newFixedThreadPool(workers);
        if (System.getenv("SHAPE").startsWith("bounded"))
            for (int i = 0; i < workers; i++)
                new Thread(() -> { try { while (true) queue.take().run(); } catch (InterruptedException e) { } }).start();
        HttpServer server = HttpServer.create(
            new InetSocketAddress("127.0.0.1", Integer.parseInt(System.getenv("PORT"))), 100);
        server.createContext("/", exchange -> {
            String number = exchange.getRequestURI().getPath().substring(2);
            try {
                serve(number);
            } catch (Exception e) {
                throw new IOException(e);
            }
            byte[] answer = ("R" + number).getBytes();
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.setExecutor(Executors.newFixedThreadPool(80));
        server.start();
    }
}
