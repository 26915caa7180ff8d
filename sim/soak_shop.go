package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/service"
)

// shop asks for refunds through the native API, as the demo merchant.
type shop struct {
	url       string
	clock     *Clock
	channel   Played
	simulator *channelsim.Simulator
	seed      uint64

	account string // of the channel
	began   time.Time
	random  *rand.Rand
	charges int
	orders  []order
	foreign map[string]money.Minor // refunds made at the channel, by their ids there
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

const (
	// chargeAmount is that of each charge: all refunds of it fit.
	chargeAmount = refundsPerCharge * (maxRefund + maxForeign)
	// maxRefund is the most that is asked for at once, and maxForeign the most that is
	// refunded in the channel's own console.
	maxRefund, maxForeign money.Minor = 20_000, 1_000
	// foreignEvery is after how many requests somebody refunds in the channel's own
	// console.
	foreignEvery = 25
)

// maxShopAnswer bounds an answer that the shop reads, in bytes: a page of refunds.
const maxShopAnswer = 4 << 20

// call makes a request and reads the answer, whose status must be one of want.
func (s *shop) call(ctx context.Context, method, path string, body, into any, want ...int) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, s.url+"/refundry/v1"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer rk_test_demo")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Prefer", "wait=0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(answer.Body, maxShopAnswer))
	if err != nil {
		return err
	}
	if !slices.Contains(want, answer.StatusCode) {
		return statusError{method + " " + path, answer.StatusCode, string(got)}
	}
	return json.Unmarshal(got, into)
}

// addAccount makes the account that belongs to a sim.json and returns its id.
func (s *shop) addAccount(ctx context.Context, file string) (string, error) {
	account, err := channelsim.ReadAccount(file, s.channel.Name)
	if err != nil {
		return "", err
	}
	in := struct {
		Channel  string            `json:"channel"`
		Takes    []string          `json:"takes"`
		Settings map[string]string `json:"settings"`
		Secrets  map[string]string `json:"secrets"`
	}{Channel: s.channel.Name, Takes: []string{s.channel.Charge}}
	in.Settings, in.Secrets, err = AccountOf(s.channel.Name, account)
	if err != nil {
		return "", err
	}
	var made struct {
		ID string `json:"id"`
	}
	return made.ID, s.call(ctx, http.MethodPost, "/accounts", in, &made, http.StatusCreated)
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
func (s *shop) plan(ctx context.Context, refunds int) error {
	s.random = rand.New(rand.NewPCG(s.seed, 2))
	charges := (refunds + refundsPerCharge - 1) / refundsPerCharge
	first := s.charges
	for range charges {
		if err := s.pay(ctx); err != nil {
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
func (s *shop) pay(ctx context.Context) error {
	number, now := chargeNumber(s.charges), s.clock.Now()
	s.charges++
	id, err := s.simulator.AddPayment(channelsim.Payment{Channel: s.channel.Name, Number: number, Amount: chargeAmount, Currency: s.channel.Currency, PaidAt: now})
	if err != nil {
		return err
	}
	var made any
	return s.call(ctx, http.MethodPost, "/charges", map[string]any{
		"order_no": number, "amount": chargeAmount, "currency": s.channel.Currency, "channel": s.channel.Charge, "transaction_id": id, "paid_at": now,
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
func (s *shop) Step(ctx context.Context) error {
	for s.asked < len(s.orders) && !s.orders[s.asked].at.After(s.clock.Now()) {
		o := s.orders[s.asked]
		var made any
		err := s.call(ctx, http.MethodPost, "/refunds", map[string]any{"charge": o.charge, "amount": o.amount, "number": o.number}, &made, http.StatusCreated, http.StatusOK)
		if err != nil {
			return err
		}
		s.asked++
		s.last = s.clock.Now()
		if s.channel.TellsForeign && s.asked%foreignEvery == 0 {
			if err := s.refundThere(o.charge); err != nil {
				return err
			}
		}
	}
	return nil
}

// refundThere makes a refund as if in the channel's own console.
func (s *shop) refundThere(charge string) error {
	made, err := s.simulator.Foreign(s.channel.Name, charge, "", 1+money.Minor(s.random.Int64N(int64(maxForeign))))
	if err == nil {
		s.foreign[made.ID] = made.Amount
	}
	return err
}

// refundSeen is a refund as the native API shows it.
type refundSeen struct {
	ID       string      `json:"id"`
	Amount   money.Minor `json:"amount"`
	State    string      `json:"state"`
	Number   string      `json:"number"`
	Upstream string      `json:"channel_refund_number"`
	// Theirs is the channel's id, which a refund that was made there has alone.
	Theirs  string `json:"channel_refund_id"`
	Failure *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"failure"`
}

// open counts refunds that have not ended, up to a page of each state.
func (s *shop) open(ctx context.Context) (int, error) {
	count := 0
	for _, state := range []string{"held", "created", "pending", "abnormal"} {
		var page struct {
			Data []refundSeen `json:"data"`
		}
		if err := s.call(ctx, http.MethodGet, "/refunds?limit=100&state="+state, nil, &page, http.StatusOK); err != nil {
			return 0, err
		}
		count += len(page.Data)
	}
	return count, nil
}

// refunds lists all of them.
func (s *shop) refunds(ctx context.Context) (all []refundSeen, err error) {
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
		if err := s.call(ctx, http.MethodGet, path, nil, &page, http.StatusOK); err != nil {
			return nil, err
		}
		all = append(all, page.Data...)
		if cursor = page.Next; !page.HasMore {
			return all, nil
		}
	}
}
