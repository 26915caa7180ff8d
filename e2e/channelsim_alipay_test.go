package e2e

import (
	"net/http/httptest"
	"testing"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/channelsim/alipay"
)

// alipay-sdk 4.14.0 from npm, Alipay's own Node client, unmodified: alipay/client.mjs
// says what is shown. It refunds, queries and verifies against the simulator, so that
// the simulator is no mirror of our connector.
func TestTheOfficialNodeClientOfAlipayAgainstTheChannelSimulator(t *testing.T) {
	program, folder := node(t, "alipay-sdk"), t.TempDir()
	server := httptest.NewUnstartedServer(nil)
	url := "http://" + server.Listener.Addr().String()
	simulator, err := channelsim.New(channelsim.Options{URL: url, Data: folder}, alipay.New())
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
	runAgainst(t, url, folder, program, "alipay/client.mjs")
	moves := 0
	for _, one := range simulator.Books(alipay.Name) {
		moves += one.Moves
	}
	if moves != 4 {
		t.Errorf("money moved %d times, want 4", moves)
	}
}
