import java.util.List;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.OrdersApi;
import org.openapitools.client.model.ChangeStatus;
import org.openapitools.client.model.Order;
import org.openapitools.client.model.OrderLineInput;
import org.openapitools.client.model.OrderPage;
import org.openapitools.client.model.PlaceOrder;
import org.openapitools.client.model.Problem;
import org.openapitools.client.model.Status;

/** Places an order, confirms it, finds it in the customer's list, and is told what is wrong with another one. */
public class Program {
    public static void main(String[] args) throws Exception {
        OrdersApi orders = new OrdersApi(base(args[0]));

        Order placed = orders.placeOrder(order(3), null);
        expect(placed.getTotalAmount().equals("149.97"), placed);
        expect(placed.getItems().get(0).getLineTotal().equals("149.97"), placed);

        Order confirmed = orders.changeStatus(placed.getId(), new ChangeStatus().status(Status.CONFIRMED), null, null);
        expect(confirmed.getStatus() == Status.CONFIRMED && confirmed.getVersion() == 2, confirmed);

        OrderPage page = orders.listCustomerOrders(42L, null, null, null, 1, null);
        expect(page.getOrders().equals(List.of(confirmed)), page);

        try {
            orders.placeOrder(order(0), null);
            throw new AssertionError("an order of nothing is placed");
        } catch (ApiException refused) {
            Problem problem = ApiClient.createDefaultObjectMapper().readValue(refused.getResponseBody(), Problem.class);
            expect(refused.getCode() == 400 && problem.getCode().equals("validation_failed"), problem);
            expect(problem.getErrors().get(0).getPointer().equals("/items/0/quantity"), problem);
        }
    }

    private static ApiClient base(String url) {
        ApiClient client = new ApiClient();
        client.updateBaseUri(url);
        return client;
    }

    private static PlaceOrder order(long quantity) {
        OrderLineInput line = new OrderLineInput().productId(7L).quantity(quantity).unitPrice("49.99");
        return new PlaceOrder().customerId(42L).addItemsItem(line);
    }

    private static void expect(boolean holds, Object found) {
        if (!holds) {
            throw new AssertionError("unexpected: " + found);
        }
    }
}
