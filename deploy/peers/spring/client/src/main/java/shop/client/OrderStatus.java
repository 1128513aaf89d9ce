package shop.client;

public enum OrderStatus {
    PENDING, CONFIRMED, IN_PROGRESS, DELIVERED, CANCELLED
}
