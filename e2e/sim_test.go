package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// simulator is a running `refundry channel-sim`.
type simulator struct{ *Process }

// simulate starts the channels' other sides.
func simulate(t testing.TB, args ...string) *simulator {
	t.Helper()
	return &simulator{launch(t, freeAddress(t), t.TempDir(), append([]string{"channel-sim"}, args...)...)}
}

// accounts is the file of the accounts there.
func (s *simulator) accounts() string { return filepath.Join(s.Data, "sim.json") }

// account is a channel's part of that file.
func (s *simulator) account(t testing.TB, channel string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(s.accounts())
	if err != nil {
		t.Fatal(err)
	}
	var sections map[string]json.RawMessage
	decode(t, string(text), &sections)
	var account map[string]string
	decode(t, string(sections[channel]), &account)
	return account
}

// control makes a control call and decodes its answer.
func (s *simulator) control(t testing.TB, method, path, body string, into any) {
	t.Helper()
	status, text := Call(t, method, s.URL+"/sim"+path, body)
	if status != http.StatusOK {
		t.Fatalf("%s /sim%s: %d %s", method, path, status, text)
	}
	decode(t, text, into)
}

// paid makes a payment there and returns its number.
func (s *simulator) paid(t testing.TB, channel, order string, amount int64, currency, attributes string) string {
	t.Helper()
	var made struct {
		TransactionID string `json:"transaction_id"`
	}
	s.control(t, http.MethodPost, "/payments", fmt.Sprintf(`{"channel": %q, "number": %q, "amount": %d, "currency": %q, "attributes": {%s}}`,
		channel, order, amount, currency, attributes), &made)
	return made.TransactionID
}

// fails lets the next calls of a step fail.
func (s *simulator) fails(t testing.TB, channel, step, fault, phase string, count int) {
	t.Helper()
	s.control(t, http.MethodPost, "/faults", fmt.Sprintf(`{"channel": %q, "step": %q, "fault": %q, "phase": %q, "count": %d}`, channel, step, fault, phase, count), new(any))
}

// movement is a refund in the simulator's books.
type movement struct {
	Number        string `json:"number"`
	RefundID      string `json:"refund_id"`
	TransactionID string `json:"transaction_id"`
	Amount        int64  `json:"amount"`
	State         string `json:"state"`
	Submits       int    `json:"submits"`
	Moves         int    `json:"moves"`
}

// books are the refunds of a channel.
func (s *simulator) books(t testing.TB, channel string) []movement {
	t.Helper()
	var page struct{ Data []movement }
	s.control(t, http.MethodGet, "/books?channel="+channel, "", &page)
	return page.Data
}

// movedOnce fails unless each payment was refunded by the amount, once.
func (s *simulator) movedOnce(t testing.TB, channel string, amounts map[string]int64) {
	t.Helper()
	books := s.books(t, channel)
	if len(books) != len(amounts) {
		t.Errorf("%s has %d refunds, want %d: %+v", channel, len(books), len(amounts), books)
	}
	for _, one := range books {
		if want, known := amounts[one.TransactionID]; !known || one.Moves != 1 || one.Amount != want || one.State != "succeeded" {
			t.Errorf("%s: %+v, want one movement of %d", channel, one, want)
		}
	}
}

// simDesk is a service whose demo merchant has accounts at a simulator.
type simDesk struct {
	*desk
	sim  *simulator
	data string
}

// openAtSim starts a service that the simulator's notices reach.
func openAtSim(t *testing.T, database string, sim *simulator) *simDesk {
	t.Helper()
	s := &simDesk{sim: sim, data: t.TempDir()}
	address := freeAddress(t)
	s.desk = &desk{Process: s.at(t, address, database), database: database}
	decode(t, string(s.file(t, "demo.json")), &s.known)
	s.platform, s.merchant = publicKey(t, s.file(t, "platform_pub.pem")), privateKey(t, s.file(t, "merchant_key.pem"))
	return s
}

// at starts the service on an address.
func (s *simDesk) at(t testing.TB, address, database string) *Process {
	t.Helper()
	return StartAt(t, address, database, s.data, "--egress-allow", "127.0.0.0/8", "--public-url", "http://"+address)
}

// take adds the account of a simulated channel for charges of some channels, and
// returns its id.
func (s *simDesk) take(t testing.TB, channel, takes string, args ...string) string {
	t.Helper()
	args = append([]string{"account", "add", "--channel", channel, "--takes", takes, "--from-sim", s.sim.accounts(), "--database", s.database, "--data", s.data}, args...)
	stdout, stderr, status := Run(t, args...)
	if status != 0 {
		t.Fatalf("account add exits %d: %s", status, stderr)
	}
	id := strings.TrimSpace(stdout)
	if status, text := Call(t, http.MethodPost, s.URL+"/refundry/v1/accounts/"+id+"/check", ""); status != http.StatusOK || strings.Contains(text, `"error": "`) {
		t.Errorf("check of %s: %d %s", id, status, text)
	}
	return id
}

// charge registers a payment of the simulator's, until the service knows the
// account that takes it.
func (s *simDesk) charge(t testing.TB, account, order, transaction, channel string, amount int64, currency, more string) map[string]any {
	t.Helper()
	body := fmt.Sprintf(`{"order_no": %q, "amount": %d, "currency": %q, "channel": %q, "paid_at": %q, "transaction_id": %q%s}`,
		order, amount, currency, channel, time.Now().UTC().Format(time.RFC3339), transaction, more)
	var shown map[string]any
	Until(t, "the account takes the charge", func() bool {
		status, text := Call(t, http.MethodPost, s.URL+"/refundry/v1/charges", body)
		if status != http.StatusCreated && status != http.StatusOK {
			t.Fatalf("register charge: %d %s", status, text)
		}
		shown = nil
		decode(t, text, &shown)
		return shown["channel_account"] == account
	})
	return shown
}

// await waits until a refund is in a state.
func (s *simDesk) await(t testing.TB, id, state string) {
	t.Helper()
	Until(t, "refund "+id+" is "+state, func() bool { return stateOf(t, s.URL, id) == state })
}
