package shop.orders;

public enum OrderStatus {
    PENDING, CONFIRMED, IN_PROGRESS, DELIVERED, CANCELLED
}
