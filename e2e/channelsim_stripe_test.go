package e2e

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v86"
	"github.com/stripe/stripe-go/v86/webhook"

	"github.com/refundry/refundry/channelsim"
	simstripe "github.com/refundry/refundry/channelsim/stripe"
)

// simulatedStripe serves Stripe's side of the simulator, and sends its events.
func simulatedStripe(t *testing.T) (simulator *channelsim.Simulator, url, folder string) {
	t.Helper()
	folder = t.TempDir()
	server := httptest.NewUnstartedServer(nil)
	url = "http://" + server.Listener.Addr().String()
	simulator, err := channelsim.New(channelsim.Options{URL: url, Data: folder}, simstripe.New())
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = simulator
	server.Start()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		simulator.Run(t.Context())
	}()
	t.Cleanup(func() { server.Close(); <-sent })
	return simulator, url, folder
}

// stripe 22.6.2 from npm, Stripe's own Node client, unmodified: stripe/client.mjs says
// what is shown. It refunds, queries and verifies against the simulator, so that the
// simulator is no mirror of our connector.
func TestTheOfficialNodeClientOfStripeAgainstTheChannelSimulator(t *testing.T) {
	program := node(t, "stripe")
	simulator, url, folder := simulatedStripe(t)
	runAgainst(t, url, folder, program, "stripe/client.mjs")
	for _, one := range simulator.Books(simstripe.Name) {
		if one.Moves > 1 {
			t.Errorf("money moved %d times for %+v", one.Moves, one)
		}
	}
	if n := len(simulator.Books(simstripe.Name)); n != 21 {
		t.Errorf("%d refunds, want 21", n)
	}
}

// stripe-go, Stripe's own Go client, unmodified, and its check of events.
func TestTheOfficialGoClientOfStripeAgainstTheChannelSimulator(t *testing.T) {
	simulator, url, folder := simulatedStripe(t)
	account, err := channelsim.ReadAccount(folder+"/"+channelsim.AccountFile, simstripe.Name)
	if err != nil {
		t.Fatal(err)
	}
	events := make(chan stripe.Event, 16)
	merchant := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		event, err := webhook.ConstructEvent(body, r.Header.Get("Stripe-Signature"), account["webhook_secret"])
		if err != nil {
			t.Errorf("%s: %v", body, err)
		}
		events <- event
	}))
	t.Cleanup(merchant.Close)
	if err := simulator.NotifyAt(simstripe.Name, merchant.URL); err != nil {
		t.Fatal(err)
	}
	charge, err := simulator.AddPayment(channelsim.Payment{Channel: simstripe.Name, Number: "O1", Amount: 1000, Currency: "USD"})
	if err != nil {
		t.Fatal(err)
	}
	client := stripe.NewClient(account["secret_key"], stripe.WithBackends(stripe.NewBackendsWithConfig(&stripe.BackendConfig{URL: &url, MaxNetworkRetries: stripe.Int64(0)})))
	params := &stripe.RefundCreateParams{Charge: &charge, Amount: stripe.Int64(300), Metadata: map[string]string{"number": "R1"}}
	params.SetIdempotencyKey("k1")
	made, err := client.V1Refunds.Create(t.Context(), params)
	if err != nil || made.Status != stripe.RefundStatusPending || made.Amount != 300 || made.Charge.ID != charge {
		t.Fatalf("%+v, %v", made, err)
	}
	again, err := client.V1Refunds.Create(t.Context(), params)
	if err != nil || again.ID != made.ID {
		t.Errorf("again: %+v, %v", again, err)
	}
	params.Amount = stripe.Int64(301)
	var problem *stripe.Error
	if _, err := client.V1Refunds.Create(t.Context(), params); !errors.As(err, &problem) || problem.Type != stripe.ErrorTypeIdempotency {
		t.Errorf("other parameters: %v", err)
	}
	simulator.Advance(5 * time.Second)
	got, err := client.V1Refunds.Retrieve(t.Context(), made.ID, nil)
	if err != nil || got.Status != stripe.RefundStatusSucceeded || got.Metadata["number"] != "R1" {
		t.Errorf("%+v, %v", got, err)
	}
	listed := 0
	for one, err := range client.V1Refunds.List(t.Context(), &stripe.RefundListParams{Charge: &charge}).All(t.Context()) {
		if err != nil || one.ID != made.ID {
			t.Errorf("%+v, %v", one, err)
		}
		listed++
	}
	paid, err := client.V1Charges.Retrieve(t.Context(), charge, nil)
	if err != nil || paid.AmountRefunded != 300 || !paid.Paid || listed != 1 {
		t.Errorf("%+v, %v, listed %d", paid, err, listed)
	}
	for range 3 {
		select {
		case event := <-events:
			if event.Type != stripe.EventTypeRefundCreated && event.Type != stripe.EventTypeRefundUpdated && event.Type != stripe.EventTypeChargeRefunded {
				t.Errorf("event %s", event.Type)
			}
		case <-time.After(endTimeout):
			t.Fatal("an event did not come")
		}
	}
}
