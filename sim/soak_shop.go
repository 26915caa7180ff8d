package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/service"
)

// soaking is what is particular to a channel: the name that its charges have, and
// their currency.
type soaking struct {
	charge   string
	currency money.Currency
}

var soaked = map[string]soaking{
	"wechatpay": {charge: "wx", currency: "CNY"},
}

// shop asks for refunds through the native API, as the demo merchant.
type shop struct {
	handler   http.Handler
	clock     *Clock
	kind      soaking
	channel   string
	simulator *channelsim.Simulator
	seed      uint64

	random  *rand.Rand
	charges int
	orders  []order
	asked   int
	last    time.Time // of the last request
}

// order is a refund to be asked for.
type order struct {
	charge string
	number string
	amount money.Minor
	at     time.Time
}

// chargeAmount is that of each charge, and maxRefund the most that is asked for at
// once: five of them fit.
const chargeAmount, maxRefund money.Minor = 100_000, 20_000

// call makes a request and reads the answer.
func (s *shop) call(method, path string, body, into any, want ...int) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r := httptest.NewRequest(method, "/refundry/v1"+path, bytes.NewReader(text))
	if body == nil {
		r = httptest.NewRequest(method, "/refundry/v1"+path, http.NoBody)
	}
	r.Header.Set("Authorization", "Bearer rk_test_demo")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Prefer", "wait=0")
	answer := httptest.NewRecorder()
	s.handler.ServeHTTP(answer, r)
	for _, status := range want {
		if answer.Code == status {
			return json.Unmarshal(answer.Body.Bytes(), into)
		}
	}
	return fmt.Errorf("%s %s: %d %s", method, path, answer.Code, answer.Body)
}

// addAccount makes the account that belongs to a sim.json and returns its id.
func (s *shop) addAccount(file string) (string, error) {
	account, err := channelsim.ReadAccount(file, s.channel)
	if err != nil {
		return "", err
	}
	in := struct {
		Channel  string            `json:"channel"`
		Takes    []string          `json:"takes"`
		Settings map[string]string `json:"settings"`
		Secrets  map[string]string `json:"secrets"`
	}{Channel: s.channel, Takes: []string{s.kind.charge}}
	in.Settings, in.Secrets, err = AccountOf(s.channel, account)
	if err != nil {
		return "", err
	}
	var made struct {
		ID string `json:"id"`
	}
	return made.ID, s.call(http.MethodPost, "/accounts", in, &made, http.StatusCreated)
}

// AccountOf are the settings and the secrets of the channel account that belongs to a
// channel's part of sim.json.
func AccountOf(channel string, account map[string]string) (settings, secrets map[string]string, err error) {
	secret := make(map[string]bool)
	for _, kind := range service.ChannelKinds() {
		for _, setting := range kind.Settings {
			secret[setting.Name] = secret[setting.Name] || kind.Name == channel && setting.Secret
		}
	}
	settings, secrets = make(map[string]string), make(map[string]string)
	for _, side := range Sides() {
		if side.Name() != channel {
			continue
		}
		for name, value := range side.Settings(account) {
			if secret[name] {
				secrets[name] = value
			} else {
				settings[name] = value
			}
		}
		return settings, secrets, nil
	}
	return nil, nil, fmt.Errorf("channel-sim does not play %s", channel)
}

// plan makes payments, registers their charges and decides what is asked for when.
func (s *shop) plan(refunds int) error {
	s.random = rand.New(rand.NewPCG(s.seed, 2))
	charges := (refunds + refundsPerCharge - 1) / refundsPerCharge
	first := s.charges
	for range charges {
		if err := s.pay(); err != nil {
			return err
		}
	}
	// Refunds of a charge come one after another, with others between them.
	now := s.clock.Now()
	for n := range refunds {
		s.orders = append(s.orders, order{
			charge: chargeNumber(first + n%charges), number: fmt.Sprintf("S-%06d", len(s.orders)), amount: 1 + money.Minor(s.random.Int64N(int64(maxRefund))),
			at: now.Add(time.Duration(n+1)*gap - time.Duration(s.random.Int64N(int64(gap)))),
		})
	}
	return nil
}

func chargeNumber(n int) string { return fmt.Sprintf("SOAK%06d", n) }

// pay makes a payment and registers its charge.
func (s *shop) pay() error {
	number, now := chargeNumber(s.charges), s.clock.Now()
	s.charges++
	id, err := s.simulator.AddPayment(channelsim.Payment{Channel: s.channel, Number: number, Amount: chargeAmount, Currency: s.kind.currency, PaidAt: now})
	if err != nil {
		return err
	}
	var made any
	return s.call(http.MethodPost, "/charges", map[string]any{
		"order_no": number, "amount": chargeAmount, "currency": s.kind.currency, "channel": s.kind.charge, "transaction_id": id, "paid_at": now,
	}, &made, http.StatusCreated)
}

// NextDue implements Actor.
func (s *shop) NextDue() (time.Time, bool) {
	if s.asked == len(s.orders) {
		return time.Time{}, false
	}
	return s.orders[s.asked].at, true
}

// Step implements Actor: it asks for what is due.
func (s *shop) Step(context.Context) error {
	for s.asked < len(s.orders) && !s.orders[s.asked].at.After(s.clock.Now()) {
		o := s.orders[s.asked]
		var made any
		err := s.call(http.MethodPost, "/refunds", map[string]any{"charge": o.charge, "amount": o.amount, "number": o.number}, &made, http.StatusCreated, http.StatusOK)
		if err != nil {
			return err
		}
		s.asked++
		s.last = s.clock.Now()
	}
	return nil
}

// refundSeen is a refund as the native API shows it.
type refundSeen struct {
	ID       string      `json:"id"`
	Amount   money.Minor `json:"amount"`
	State    string      `json:"state"`
	Number   string      `json:"number"`
	Upstream string      `json:"channel_refund_number"`
}

// open counts refunds that have not ended, up to a page of each state.
func (s *shop) open() (int, error) {
	count := 0
	for _, state := range []string{"held", "created", "pending", "abnormal"} {
		var page struct {
			Data []refundSeen `json:"data"`
		}
		if err := s.call(http.MethodGet, "/refunds?limit=100&state="+state, nil, &page, http.StatusOK); err != nil {
			return 0, err
		}
		count += len(page.Data)
	}
	return count, nil
}

// refunds lists all of them.
func (s *shop) refunds() (all []refundSeen, err error) {
	cursor := ""
	for {
		var page struct {
			Data    []refundSeen `json:"data"`
			HasMore bool         `json:"has_more"`
			Next    string       `json:"next"`
		}
		path := "/refunds?limit=100"
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		if err := s.call(http.MethodGet, path, nil, &page, http.StatusOK); err != nil {
			return nil, err
		}
		all = append(all, page.Data...)
		if cursor = page.Next; !page.HasMore {
			return all, nil
		}
	}
}
