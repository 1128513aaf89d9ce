package shop.orders;

import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** The service under load from within: inserts, reads and updates for some seconds, and what failed. */
@RestController
public class LoadController {
    private static final int THREADS = 4;

    record Report(List<Long> ids, List<String> failures) {
    }

    private final OrderService service;

    public LoadController(OrderService service) {
        this.service = service;
    }

    @PostMapping("/load")
    Report load(@RequestParam int seconds, @RequestParam Long customer) throws Exception {
        Instant end = Instant.now().plus(Duration.ofSeconds(seconds));
        Queue<Long> ids = new ConcurrentLinkedQueue<>();
        Queue<String> failures = new ConcurrentLinkedQueue<>();
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        try {
            List<Future<?>> workers = new java.util.ArrayList<>();
            for (int worker = 0; worker < THREADS; worker++) {
                workers.add(threads.submit(() -> {
                    while (Instant.now().isBefore(end)) {
                        try {
                            ids.add(oneOrder(customer));
                        } catch (RuntimeException failure) {
                            failures.add(failure.toString());
                        }
                    }
                }));
            }
            for (Future<?> worker : workers) {
                worker.get();
            }
        } finally {
            threads.shutdown();
        }
        return new Report(List.copyOf(ids), List.copyOf(failures));
    }

    private Long oneOrder(Long customer) {
        var item = new OrderItem(7L, 3, new BigDecimal("49.99"));
        Long id = service.create(customer, List.of(item)).getId();
        service.moveTo(id, OrderStatus.CONFIRMED);
        if (service.get(id).getStatus() != OrderStatus.CONFIRMED) {
            throw new IllegalStateException("order " + id + " was confirmed, and is not");
        }
        // Among them are those of the other service.
        service.ofCustomer(customer);
        return id;
    }
}
