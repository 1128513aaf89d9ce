package shop.orders;

import java.math.BigDecimal;

public record OrderItem(Long productId, Integer quantity, BigDecimal unitPrice) {
    BigDecimal total() {
        return unitPrice.multiply(BigDecimal.valueOf(quantity));
    }
}
