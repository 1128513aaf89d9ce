package shop.client;

import java.math.BigDecimal;
import java.time.LocalDateTime;
import java.util.List;

public record Order(Long id, Long customerId, List<OrderItem> items, BigDecimal totalAmount, OrderStatus status,
        LocalDateTime createdAt, LocalDateTime updatedAt) {
}
