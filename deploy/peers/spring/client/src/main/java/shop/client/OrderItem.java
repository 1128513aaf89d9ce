package shop.client;

import java.math.BigDecimal;

public record OrderItem(Long productId, Integer quantity, BigDecimal unitPrice) {
}
