// SPDX-License-Identifier: GPL-2.0-only
/*
 * A server with a virtual thread per connection (SERVER=socket) or per request (SERVER=http), for tests that judge
 * parents: /Q10031 makes three calls whose text holds K10031:1 to :3 (score.py); L10031:1 is made after the answer.
 * PORT, REDIS_PORT, POOL, SHAPE, SERVER and THREADS (virtual, platform, or mixed: both serve) are environment
 * variables. Compiles for 17; virtual threads are found at run time.
 */
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;

class Main {
    static final BlockingQueue<Socket> pool = new LinkedBlockingQueue<>();
    static final String shape = setting("SHAPE", "sequence");
    static final AtomicInteger turn = new AtomicInteger();
    static ExecutorService children;

    static String setting(String name, String otherwise) {
        return System.getenv().getOrDefault(name, otherwise);
    }

    static ExecutorService virtual() throws Exception {
        return (ExecutorService) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
    }

    static int get(String key) throws Exception {
        Socket socket = pool.take();
        try {
            String command = "*2\r\n$3\r\nGET\r\n$" + key.length() + "\r\n" + key + "\r\n";
            socket.getOutputStream().write(command.getBytes());
            return socket.getInputStream().read(new byte[64]);
        } finally {
            pool.put(socket);
        }
    }

    /* Each of them in a thread of its own. */
    static void spread(String number) throws Exception {
        List<Future<Integer>> futures = new ArrayList<>();
        for (int i = 1; i < 4; i++) {
            String key = "K" + number + ":" + i;
            futures.add(children.submit(() -> get(key)));
        }
        for (Future<Integer> future : futures)
            future.get();
    }

    static void work(String number) throws Exception {
        switch (shape) {
        case "spread":
            spread(number);
            break;
        case "last": /* the first two by itself */
            get("K" + number + ":1");
            get("K" + number + ":2");
            children.submit(() -> get("K" + number + ":3")).get();
            break;
        case "collect": /* objects move, threads' own ones too */
            for (int i = 1; i < 4; i++) {
                byte[][] litter = new byte[64][];
                for (int j = 0; j < litter.length; j++)
                    litter[j] = new byte[16384];
                if (turn.incrementAndGet() % 50 == 0)
                    System.gc();
                get("K" + number + ":" + i);
            }
            break;
        default:
            for (int i = 1; i < 4; i++)
                get("K" + number + ":" + i);
        }
    }

    static void afterwards(String number) throws Exception {
        if (shape.equals("after"))
            get("L" + number + ":1");
        if (shape.equals("detached"))
            children.submit(() -> { Thread.sleep(5); return get("L" + number + ":1"); });
    }

    static int serveOne(Socket socket, byte[] buffer) throws Exception {
        InputStream in = socket.getInputStream();
        int len = in.read(buffer);
        if (len <= 0)
            return len;
        String text = new String(buffer, 0, len);
        String number = text.substring(text.indexOf("/Q") + 2, text.indexOf(" HTTP"));
        work(number);
        String answer = "HTTP/1.1 200 OK\r\nContent-Length: " + (number.length() + 1) + "\r\n\r\nR" + number;
        socket.getOutputStream().write(answer.getBytes());
        afterwards(number);
        return len;
    }

    static Integer serveAll(Socket socket) throws Exception {
        byte[] buffer = new byte[4096];
        try (socket) {
            socket.setTcpNoDelay(true);
            while (serveOne(socket, buffer) > 0) {
            }
        } catch (Exception e) {
            e.printStackTrace();
        }
        return 0;
    }

    static void serveExchange(HttpExchange exchange) throws IOException {
        String number = exchange.getRequestURI().getPath().substring(2);
        byte[] answer = ("R" + number).getBytes();
        try {
            work(number);
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
            afterwards(number);
        } catch (Exception e) {
            e.printStackTrace();
            throw new IOException(e);
        }
    }

    public static void main(String[] args) throws Exception {
        int port = Integer.parseInt(setting("PORT", "0"));
        for (int i = 0; i < Integer.parseInt(setting("POOL", "64")); i++) {
            Socket socket = new Socket("127.0.0.1", Integer.parseInt(setting("REDIS_PORT", "6379")));
            socket.setTcpNoDelay(true);
            pool.put(socket);
        }
        String threads = setting("THREADS", "virtual");
        ExecutorService platform = threads.equals("virtual") ? null : Executors.newFixedThreadPool(80);
        ExecutorService virtual = threads.equals("platform") ? null : virtual();
        children = setting("CHILDREN", threads).equals("virtual") ? virtual() : Executors.newFixedThreadPool(16);
        if (setting("SERVER", "socket").equals("http")) {
            HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 200);
            server.createContext("/", Main::serveExchange);
            server.setExecutor(task -> choose(platform, virtual).execute(task));
            server.start();
            return;
        }
        try (ServerSocket server = new ServerSocket(port, 200, InetAddress.getByName("127.0.0.1"))) {
            while (true) {
                Socket socket = server.accept();
                Callable<Integer> serving = () -> serveAll(socket);
                choose(platform, virtual).submit(serving);
            }
        }
    }

    static ExecutorService choose(ExecutorService platform, ExecutorService virtual) {
        if (platform == null || virtual == null)
            return platform == null ? virtual : platform;
        return turn.incrementAndGet() % 2 == 0 ? platform : virtual;
    }
}
