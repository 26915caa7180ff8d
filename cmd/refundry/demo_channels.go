package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/sim"
)

// demoAmount is what is refunded through each channel, in minor units, of a payment of
// ten times as much.
const demoAmount money.Minor = 100

// channelDemo refunds once through each channel that can be simulated.
type channelDemo struct {
	*demonstration
	service   string // its address
	simulator *channelsim.Simulator
	folder    string
}

// channels shows them. The simulator listens while it does.
func (h *house) channels(ctx context.Context, d *demonstration) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the channels: %w", err)
	}
	c := &channelDemo{demonstration: d, service: h.url, folder: filepath.Join(h.dir, "channel-sim")}
	c.simulator, err = channelsim.New(channelsim.Options{
		URL: "http://" + listener.Addr().String(), Data: c.folder, Client: h.client,
	}, sim.Sides()...)
	if err != nil {
		_ = listener.Close()
		return err
	}
	server := &http.Server{ReadTimeout: demoPatience, Handler: c.simulator}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // ends with the demo
	}()
	sending := make(chan struct{})
	go func() {
		defer close(sending)
		c.simulator.Run(ctx)
	}()
	defer func() {
		stop()
		_ = server.Close()
		<-ended
		<-sending
	}()
	d.title("%d. One refund through each channel, whose other side is played here (refundry channel-sim).", d.next())
	for _, one := range sim.Channels() {
		if err := c.refund(ctx, one); err != nil {
			return fmt.Errorf("%s: %w", one.Name, err)
		}
	}
	return nil
}

// refund makes an account, a payment and its charge, and refunds a part of it. The
// account is closed again: what is tried later goes through the sandbox.
func (c *channelDemo) refund(ctx context.Context, played sim.Played) error {
	account, err := channelsim.ReadAccount(filepath.Join(c.folder, channelsim.AccountFile), played.Name)
	if err != nil {
		return err
	}
	settings, secrets, err := sim.AccountOf(played.Name, account)
	if err != nil {
		return err
	}
	var made struct {
		ID string `json:"id"`
	}
	err = c.native(ctx, http.MethodPost, "/accounts", map[string]any{"channel": played.Name, "takes": []string{played.Charge}, "settings": settings, "secrets": secrets}, &made)
	if err != nil {
		return err
	}
	order := "DEMO" + played.Name
	if err := c.simulator.NotifyAt(played.Name, fmt.Sprintf("%s/notify/%s/%s", c.service, played.Name, made.ID)); err != nil {
		return err
	}
	paid := c.simulator.Now()
	transaction, err := c.simulator.AddPayment(channelsim.Payment{Channel: played.Name, Number: order, Amount: 10 * demoAmount, Currency: played.Currency, PaidAt: paid})
	if err != nil {
		return err
	}
	err = c.native(ctx, http.MethodPost, "/charges", map[string]any{
		"order_no": order, "amount": 10 * demoAmount, "currency": played.Currency, "channel": played.Charge, "transaction_id": transaction, "paid_at": paid,
	}, nil)
	if err != nil {
		return err
	}
	var refunded demoRefund
	if err := c.native(ctx, http.MethodPost, "/refunds", map[string]any{"charge": transaction, "amount": demoAmount, "number": order + "R1"}, &refunded); err != nil {
		return err
	}
	if err := c.follow(ctx, &refunded); err != nil {
		return err
	}
	c.show(played, refunded)
	return c.native(ctx, http.MethodPost, "/accounts/"+made.ID+"/close", nil, nil)
}

type demoRefund struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	Number string `json:"channel_refund_number"`
}

// demoLook is between two looks at a refund that is under way.
const demoLook = 20 * time.Millisecond

// follow waits until a refund has ended. The channel's clock is moved, so that what it
// takes its time for is done at once.
func (c *channelDemo) follow(ctx context.Context, r *demoRefund) error {
	for r.State != "succeeded" {
		switch r.State {
		case "failed", "abnormal", "canceled":
			return fmt.Errorf("refund %s is %s", r.ID, r.State)
		}
		if next, ok := c.simulator.NextDue(); ok {
			c.simulator.Advance(max(0, next.Sub(c.simulator.Now())))
		}
		select {
		case <-ctx.Done():
			return errors.New("the refund did not end")
		case <-time.After(demoLook):
		}
		if err := c.native(ctx, http.MethodGet, "/refunds/"+r.ID, nil, r); err != nil {
			return err
		}
	}
	return nil
}

// show prints what the channel's own books say.
func (c *channelDemo) show(played sim.Played, r demoRefund) {
	for _, entry := range c.simulator.Books(played.Name) {
		if entry.Number == r.Number {
			c.line("%-10s %s %s of order %s: the channel's books have refund %s, %s, asked for %d time(s), moved %d time(s)",
				played.Name, money.Format(entry.Amount, entry.Currency), entry.Currency, entry.OrderNo, entry.Number, entry.State, entry.Submits, entry.Moves)
		}
	}
}

// native makes a call of the native API that must be answered with success.
func (c *channelDemo) native(ctx context.Context, method, path string, body, into any) error {
	r := request{method: method, path: "/refundry/v1" + path, key: "rk_test_demo"}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r.json = string(text)
	}
	status, answer, err := r.send(ctx, c.client, c.service)
	switch {
	case err != nil:
		return err
	case status != http.StatusOK && status != http.StatusCreated:
		return fmt.Errorf("%s %s answered %d %s", method, path, status, answer)
	case into == nil:
		return nil
	}
	return json.Unmarshal(answer, into)
}
