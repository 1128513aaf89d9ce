package shop.orders;

import java.util.List;
import java.util.NoSuchElementException;
import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;

@Service
@Transactional
public class OrderService {
    private final OrderRepository orders;

    public OrderService(OrderRepository orders) {
        this.orders = orders;
    }

    public Order create(Long customerId, List<OrderItem> items) {
        return orders.save(new Order(customerId, items));
    }

    @Transactional(readOnly = true)
    public Order get(Long id) {
        return orders.findById(id).orElseThrow(() -> new NoSuchElementException("no order " + id));
    }

    @Transactional(readOnly = true)
    public List<Order> ofCustomer(Long customerId) {
        return orders.findTop20ByCustomerIdOrderByCreatedAtDesc(customerId);
    }

    public Order moveTo(Long id, OrderStatus status) {
        Order order = get(id);
        order.setStatus(status);
        return order;
    }
}
