package shop.orders;

import java.util.List;
import org.springframework.data.jpa.repository.JpaRepository;

public interface OrderRepository extends JpaRepository<Order, Long> {
    List<Order> findTop20ByCustomerIdOrderByCreatedAtDesc(Long customerId);
}
