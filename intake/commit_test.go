package intake_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// cutter is a TCP proxy before a PostgreSQL server that can break a
// connection at its COMMIT.
type cutter struct {
	listener net.Listener
	server   string

	mu   sync.Mutex
	mode string // "", "before" or "after": cut when the next COMMIT comes
	cuts int
}

// newCutter returns a proxy and the URL of the same database through it.
func newCutter(t *testing.T, address string) (*cutter, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: listener, server: u.Host}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { c.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	u.Host = listener.Addr().String()
	return c, u.String()
}

// arm cuts the connection of the next COMMIT: before the server gets it, or
// after it has answered, so that the answer is lost.
func (c *cutter) arm(mode string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mode = mode
}

func (c *cutter) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", c.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	lose := make(chan struct{}) // closed when the server's next answer is to be lost
	var answers sync.WaitGroup
	answers.Go(func() {
		defer func() { _ = client.Close() }()
		buffer := make([]byte, 1<<16)
		for {
			n, err := server.Read(buffer)
			select {
			case <-lose:
				return // the server has answered, and nobody reads it
			default:
			}
			if err != nil {
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
	c.forward(client, server, lose)
	answers.Wait()
}

func (c *cutter) forward(client, server net.Conn, lose chan struct{}) {
	buffer := make([]byte, 1<<20)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			_ = server.(*net.TCPConn).CloseWrite()
			return
		}
		switch mode := c.commits(buffer[:n]); mode {
		case "before":
			_ = server.Close()
			_ = client.Close()
			return
		case "after":
			close(lose)
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// commits returns what to do with a message that holds a COMMIT, and disarms.
func (c *cutter) commits(message []byte) string {
	if !bytes.Contains(bytes.ToLower(message), []byte("commit\x00")) {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	mode := c.mode
	if mode != "" {
		c.mode = ""
		c.cuts++
	}
	return mode
}

func TestARefundWhoseCommitIsUnknownIsAcceptedOnce(t *testing.T) {
	for _, mode := range []string{"before", "after"} {
		t.Run(mode, func(t *testing.T) {
			address := storetest.Postgres(t)
			direct := storetest.Open(t, address)
			proxy, through := newCutter(t, address)
			cut, err := store.Open(t.Context(), through, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cut.Close)
			m := newMerchant()
			paid := chargesOf(t, direct, m, 3, 100)
			desk := idle(cut, intake.Options{})
			desk.engine.room = 2
			earlier := oneBatchAt(t, desk, []refund.Unit{ask(paid[2], 5, "earlier", "")})

			proxy.arm(mode)
			units := []refund.Unit{
				ask(paid[0], 60, "A", ""), ask(paid[1], 101, "", ""), ask(paid[0], 30, "B", "K"),
				ask(paid[2], 5, "earlier", ""), // a repeat writes nothing, so no lookup finds it
				{MerchantID: m, Requests: []refund.Request{{ChargeID: "ch_none"}}, Members: []refund.Content{{}}},
			}
			answers := oneBatchAt(t, desk, units)
			if proxy.cuts != 1 {
				t.Fatalf("%d connections were cut at their COMMIT", proxy.cuts)
			}
			for n, want := range []refund.Kind{"", refund.KindAmountExceeded, "", "", refund.KindChargeNotFound} {
				if err := answers[n].err; (err == nil) != (want == "") || err != nil && refund.KindOf(err) != want {
					t.Errorf("unit %d: %v, want %q", n, err, want)
				}
			}
			if !answers[3].result.Repeated || answers[3].result.Refunds[0].ID != earlier[0].result.Refunds[0].ID {
				t.Errorf("the repeat: %+v", answers[3].result)
			}
			checkHeld(t, direct, paid[0], 90)
			checkRefunds(t, direct, paid[0], answers[0], answers[2])
			if e := desk.engine; len(e.taken) != 2 || e.room != 0 || e.reserved != 0 {
				t.Errorf("the engine took %d, has room for %d, reserved %d", len(e.taken), e.room, e.reserved)
			}
			repeat := oneBatchAt(t, desk, []refund.Unit{ask(paid[0], 30, "B", "K")})[0]
			if repeat.err != nil || !repeat.result.Repeated {
				t.Errorf("a repeat afterwards: %+v, %v", repeat.result, repeat.err)
			}
		})
	}
}

// checkRefunds compares a charge's refunds, and what hangs on them, with answers.
func checkRefunds(t *testing.T, s *store.Store, c refund.Charge, want ...answer) {
	t.Helper()
	if len(want) != len(refundsOf(t, s, c)) {
		t.Fatalf("%d refunds of the charge, want %d", len(refundsOf(t, s, c)), len(want))
	}
	for n, answer := range want {
		r, err := s.Refund(t.Context(), c.MerchantID, answer.result.Refunds[0].ID)
		if err != nil {
			t.Fatalf("refund %d: %v", n, err)
		}
		transfers, err := s.Transfers(t.Context(), c.MerchantID, r.ID)
		if err != nil || len(transfers) != 1 || transfers[0].Amount.Minor != r.Amount {
			t.Errorf("refund %d: transfers %+v, %v", n, transfers, err)
		}
	}
}

// A server that does not come back leaves the outcome unknown, which is what
// the caller is told: nothing else would be true.
func TestACommitThatNobodyCanLookUpIsAnsweredAsUnknown(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	c := chargesOf(t, s, newMerchant(), 1, 100)[0]
	lost := lostStore{s}
	answers := oneBatch(t, lost, []refund.Unit{ask(c, 1, "", "")})
	if refund.KindOf(answers[0].err) != refund.KindUnknownOutcome {
		t.Errorf("%v, want %s", answers[0].err, refund.KindUnknownOutcome)
	}
}

// lostStore commits, and says that it does not know; nor does it find out.
type lostStore struct{ *store.Store }

func (l lostStore) InTx(ctx context.Context, work func(intake.Tx) error) error {
	if err := l.Store.InTx(ctx, work); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", refund.ErrCommitUnknown, io.ErrUnexpectedEOF)
}

func (lostStore) Settled(context.Context, []refund.ChargeKey, []refund.Key, time.Duration) (map[refund.Key]refund.Refund, error) {
	return nil, io.ErrUnexpectedEOF
}

// A line of an import whose commit's answer is lost is not said to be refused.
func TestAChargeWhoseCommitIsUnknownIsRegisteredOnce(t *testing.T) {
	for _, mode := range []string{"before", "after"} {
		t.Run(mode, func(t *testing.T) {
			address := storetest.Postgres(t)
			direct := storetest.Open(t, address)
			proxy, through := newCutter(t, address)
			cut, err := store.Open(t.Context(), through, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cut.Close)
			first := chargesOf(t, direct, newMerchant(), 1, 100)[0]
			// One alone: of several, the halves are tried apart, which looks again by itself.
			charges := []refund.Charge{first}
			for n := range charges {
				charges[n].ID = fmt.Sprintf("ch_unknown_%d", n)
				charges[n].OrderNo, charges[n].TransactionID, charges[n].Aliases = charges[n].ID, charges[n].ID, nil
			}
			proxy.arm(mode)
			results, err := cut.RegisterCharges(t.Context(), charges, nil)
			if err != nil || proxy.cuts != 1 {
				t.Fatalf("%d connections were cut, %v", proxy.cuts, err)
			}
			for n, result := range results {
				if result.Err != nil || result.Charge.ID != charges[n].ID {
					t.Errorf("charge %d: %+v", n, result)
				}
				if _, err := direct.Charge(t.Context(), first.MerchantID, charges[n].ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
