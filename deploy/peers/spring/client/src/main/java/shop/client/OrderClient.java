package shop.client;

import java.util.List;
import org.springframework.cloud.openfeign.FeignClient;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;

@FeignClient("order-service")
public interface OrderClient {
    record CreateOrder(Long customerId, List<OrderItem> items) {
    }

    record ChangeStatus(OrderStatus status) {
    }

    @PostMapping("/orders")
    Order create(@RequestBody CreateOrder request);

    @GetMapping("/orders/{id}")
    Order get(@PathVariable("id") Long id);

    @GetMapping("/orders/customer/{customerId}")
    List<Order> ofCustomer(@PathVariable("customerId") Long customerId);

    @PutMapping("/orders/{id}/status")
    Order changeStatus(@PathVariable("id") Long id, @RequestBody ChangeStatus request);
}
