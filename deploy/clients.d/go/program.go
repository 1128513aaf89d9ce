// Places an order, confirms it, finds it in the customer's list, and is told what is wrong with another one.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"

	"client/openapi"
)

func order(quantity int64) openapi.PlaceOrder {
	line := openapi.NewOrderLineInput(7, quantity, "49.99")
	return *openapi.NewPlaceOrder(42, []openapi.OrderLineInput{*line})
}

func try(found any, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "failed: %v, %+v\n", err, found)
		os.Exit(1)
	}
}

func expect(holds bool, found any) {
	if !holds {
		fmt.Fprintf(os.Stderr, "unexpected: %+v\n", found)
		os.Exit(1)
	}
}

func main() {
	configuration := openapi.NewConfiguration()
	configuration.Servers = openapi.ServerConfigurations{{URL: os.Args[1]}}
	orders := openapi.NewAPIClient(configuration).OrdersAPI
	ctx := context.Background()

	placed, _, err := orders.PlaceOrder(ctx).PlaceOrder(order(3)).Execute()
	try(placed, err)
	expect(placed.TotalAmount == "149.97" && placed.Items[0].LineTotal == "149.97", placed)

	change := *openapi.NewChangeStatus(openapi.CONFIRMED)
	confirmed, _, err := orders.ChangeStatus(ctx, placed.Id).ChangeStatus(change).Execute()
	try(confirmed, err)
	expect(confirmed.Status == openapi.CONFIRMED && confirmed.Version == 2, confirmed)

	page, _, err := orders.ListCustomerOrders(ctx, 42).Limit(1).Execute()
	try(page, err)
	expect(len(page.Orders) == 1 && reflect.DeepEqual(page.Orders[0], *confirmed), page)

	_, answer, err := orders.PlaceOrder(ctx).PlaceOrder(order(0)).Execute()
	var refused *openapi.GenericOpenAPIError
	expect(errors.As(err, &refused) && answer.StatusCode == 400, err)
	problem, isProblem := refused.Model().(openapi.Problem)
	expect(isProblem && problem.Code == "validation_failed", string(refused.Body()))
	expect(problem.Errors[0].GetPointer() == "/items/0/quantity", problem)
}
