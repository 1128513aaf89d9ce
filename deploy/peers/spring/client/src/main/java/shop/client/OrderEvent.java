package shop.client;

import java.math.BigDecimal;
import java.time.LocalDateTime;
import java.util.List;

public record OrderEvent(Long orderId, Long customerId, Long sequence, OrderStatus status, OrderStatus previousStatus,
        BigDecimal totalAmount, List<OrderItem> items, LocalDateTime occurredAt) {
}
