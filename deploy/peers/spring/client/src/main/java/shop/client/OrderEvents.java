package shop.client;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.stereotype.Component;

@Component
public class OrderEvents {
    private final List<OrderEvent> received = new CopyOnWriteArrayList<>();

    @KafkaListener(topics = "${shop.topic:order.events}")
    void receive(OrderEvent event) {
        received.add(event);
    }

    List<OrderEvent> of(Long orderId) {
        return received.stream().filter(event -> orderId.equals(event.orderId())).toList();
    }
}
