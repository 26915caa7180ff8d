package strictclienttest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// fake is a server that answers with the bytes that a test gives it.
type fake struct {
	address string
	mu      sync.Mutex
	seen    []string // request lines and bodies
}

// serve starts one; answer gives the text of the nth answer, from 0, "" to
// close the connection.
func serve(t *testing.T, answer func(n int, r *http.Request) string) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{address: listener.Addr().String()}
	var accepting, wait sync.WaitGroup
	var open sync.Map
	t.Cleanup(func() {
		_ = listener.Close()
		accepting.Wait() // or one more would come after the look
		open.Range(func(conn, _ any) bool {
			_ = conn.(net.Conn).Close() // some are closed already
			return true
		})
		wait.Wait()
	})
	accepting.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Store(conn, true)
			wait.Go(func() { f.speak(conn, answer) })
		}
	})
	return f
}

func (f *fake) speak(conn net.Conn, answer func(n int, r *http.Request) string) {
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		if r.Header.Get("Expect") != "" {
			if _, err := io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
				return
			}
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		f.mu.Lock()
		n := len(f.seen)
		f.seen = append(f.seen, r.Method+" "+r.RequestURI+" "+string(body))
		f.mu.Unlock()
		text := answer(n, r)
		if text == "" {
			return
		}
		if _, err := io.WriteString(conn, text); err != nil {
			return
		}
	}
}

// text is an answer; headers are name, value, name, value.
func text(status int, body string, headers ...string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\n", status, http.StatusText(status), len(body))
	for n := 0; n+1 < len(headers); n += 2 {
		fmt.Fprintf(&out, "%s: %s\r\n", headers[n], headers[n+1])
	}
	return out.String() + "\r\n" + body
}

// always answers every request alike.
func always(t *testing.T, answer string) *fake {
	t.Helper()
	return serve(t, func(int, *http.Request) string { return answer })
}

const (
	goodRefund = `{"id":"re_y1u944PmfnrTHyvnL0nD0iD1","object":"refund","order_no":"y1u944PmfnrTHyvnL0nD0iD1","amount":1,"created":1409634160,` +
		`"succeed":true,"status":"succeeded","time_succeed":1409634192,"description":"d","failure_code":null,"failure_msg":null,"metadata":{},` +
		`"charge":"ch_L8qn10mLmr1GS8e5OODmHaL4","charge_order_no":"123456789","transaction_no":null,"funding_source":null,"extra":{}}`
	goodList   = `{"object":"list","url":"/v1/charges/ch_L8qn10mLmr1GS8e5OODmHaL4/refunds","has_more":false,"data":[` + goodRefund + `]}`
	goodCharge = `{"id":"ch_L8qn10mLmr1GS8e5OODmHaL4","object":"charge","created":1409634160,"livemode":false,"paid":true,"refunded":true,` +
		`"reversed":false,"app":"app_1Gqj58ynP0mHeX1q","channel":"wx","order_no":"123456789","client_ip":"127.0.0.1","amount":100,"amount_settle":100,` +
		`"currency":"cny","subject":"s","body":"b","extra":{},"time_paid":1409634170,"time_expire":1409720560,"time_settle":null,"transaction_no":"1",` +
		`"refunds":` + goodList + `,"amount_refunded":1,"failure_code":null,"failure_msg":null,"metadata":{},"credential":{},"description":null}`
	goodEvent = `{"id":"evt_1","created":1409634160,"livemode":false,"type":"refund.succeeded","data":{"object":` + goodRefund + `},` +
		`"object":"event","pending_webhooks":1,"request":null}`
	goodBatch = `{"id":"151","object":"batch_refund","app":"app_1Gqj58ynP0mHeX1q","batch_no":"b1","created":1409634160,"livemode":false,"description":"d",` +
		`"metadata":{},"charges":[{"charge":"ch_1","amount":1,"description":"d","status":"succeeded","refund":null,"failure_msg":null,"funding_source":null}],` +
		`"refunds":` + goodList + `,"refund_url":"","status":"created","time_succeeded":null}`
	goodError = `{"error":{"type":"invalid_request_error","message":"m","param":"amount"}}`
)

// good are the bodies without a mistake.
var good = map[string]string{
	"refund": goodRefund, "charge": goodCharge, "event": goodEvent, "batch_refund": goodBatch, "list of refund": goodList,
}
