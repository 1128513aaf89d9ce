package shop.client;

import feign.FeignException;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.CommandLineRunner;
import org.springframework.boot.ExitCodeGenerator;
import org.springframework.stereotype.Component;

/** Uses the order service, and tells on standard output what is not as it was. */
@Component
public class Expectations implements CommandLineRunner, ExitCodeGenerator {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final OrderClient orders;
    private final OrderEvents events;
    private final Long customer;
    private final Long kept;
    private final List<String> broken = new ArrayList<>();

    /** kept: an order of the customer that the old service has made and confirmed. */
    public Expectations(OrderClient orders, OrderEvents events, @Value("${shop.customer}") Long customer,
            @Value("${shop.kept-order}") Long kept) {
        this.orders = orders;
        this.events = events;
        this.customer = customer;
        this.kept = kept;
    }

    @Override
    public void run(String... arguments) throws InterruptedException {
        try {
            keptOrderIsAsItWas();
            newOrderLives();
            wrongOrderIsRefused();
        } catch (RuntimeException failure) {
            broken.add(failure.toString());
        }
        broken.forEach(line -> System.out.println("broken: " + line));
        System.out.println(broken.isEmpty() ? "verdict: passed" : "verdict: failed");
    }

    @Override
    public int getExitCode() {
        return broken.isEmpty() ? 0 : 1;
    }

    private void keptOrderIsAsItWas() {
        Order order = orders.get(kept);
        equal("id of the kept order", kept, order.id());
        equal("customer of the kept order", customer, order.customerId());
        equal("status of the kept order", OrderStatus.CONFIRMED, order.status());
        equal("items of the kept order", List.of(lamps()), order.items());
        amount("total of the kept order", order.totalAmount());
    }

    private void newOrderLives() throws InterruptedException {
        Order placed = orders.create(new OrderClient.CreateOrder(customer, List.of(lamps())));
        equal("status of a new order", OrderStatus.PENDING, placed.status());
        amount("total of a new order", placed.totalAmount());
        Duration age = Duration.between(placed.createdAt(), LocalDateTime.now(ZoneOffset.UTC)).abs();
        equal("a new order is made now: " + placed.createdAt(), true, age.compareTo(PATIENCE) < 0);
        Order confirmed = orders.changeStatus(placed.id(), new OrderClient.ChangeStatus(OrderStatus.CONFIRMED));
        equal("status of a confirmed order", OrderStatus.CONFIRMED, confirmed.status());
        equal("creation of a confirmed order", placed.createdAt(), confirmed.createdAt());
        equal("what is read of it", confirmed, orders.get(placed.id()));
        List<Order> all = orders.ofCustomer(customer);
        equal("the newest order of the customer", confirmed, all.get(0));
        equal("the kept order is listed", true, all.stream().anyMatch(order -> order.id().equals(kept)));
        eventsAreReceived(placed, confirmed);
    }

    private void eventsAreReceived(Order placed, Order confirmed) throws InterruptedException {
        Instant end = Instant.now().plus(PATIENCE);
        while (events.of(placed.id()).size() < 2 && Instant.now().isBefore(end)) {
            Thread.sleep(50);
        }
        List<OrderEvent> received = events.of(placed.id());
        equal("statuses in events", List.of(OrderStatus.PENDING, OrderStatus.CONFIRMED),
                received.stream().map(OrderEvent::status).toList());
        equal("times in events", List.of(placed.createdAt(), confirmed.updatedAt()),
                received.stream().map(OrderEvent::occurredAt).toList());
        for (OrderEvent event : received) {
            equal("items in an event", List.of(lamps()), event.items());
            amount("total in an event", event.totalAmount());
        }
    }

    private void wrongOrderIsRefused() {
        try {
            orders.create(new OrderClient.CreateOrder(customer, List.of()));
            broken.add("an order without items is placed");
        } catch (FeignException.BadRequest refused) {
            // As it should be.
        }
        try {
            orders.get(Long.MAX_VALUE >> 11);
            broken.add("an order that is not there is found");
        } catch (FeignException.NotFound refused) {
            // As it should be.
        }
    }

    private static OrderItem lamps() {
        return new OrderItem(7L, 3, new BigDecimal("49.99"));
    }

    private void amount(String what, BigDecimal amount) {
        equal(what + ": " + amount, true, amount != null && amount.compareTo(new BigDecimal("149.97")) == 0);
    }

    private void equal(String what, Object expected, Object found) {
        if (!Objects.equals(expected, found)) {
            broken.add(what + ": expected " + expected + ", found " + found);
        }
    }
}
