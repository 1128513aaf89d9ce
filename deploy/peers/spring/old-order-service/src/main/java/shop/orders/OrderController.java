package shop.orders;

import java.util.List;
import java.util.NoSuchElementException;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;

@RestController
@RequestMapping("/orders")
public class OrderController {
    record CreateOrder(Long customerId, List<OrderItem> items) {
    }

    record ChangeStatus(OrderStatus status) {
    }

    private final OrderService service;

    public OrderController(OrderService service) {
        this.service = service;
    }

    @PostMapping
    @ResponseStatus(HttpStatus.CREATED)
    Order create(@RequestBody CreateOrder request) {
        return service.create(request.customerId(), request.items());
    }

    @GetMapping("/{id}")
    Order get(@PathVariable Long id) {
        return service.get(id);
    }

    @GetMapping("/customer/{customerId}")
    List<Order> ofCustomer(@PathVariable Long customerId) {
        return service.ofCustomer(customerId);
    }

    @PutMapping("/{id}/status")
    Order changeStatus(@PathVariable Long id, @RequestBody ChangeStatus request) {
        return service.moveTo(id, request.status());
    }

    @ExceptionHandler
    @ResponseStatus(HttpStatus.NOT_FOUND)
    void missing(NoSuchElementException missing) {
    }
}
