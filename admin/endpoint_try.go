package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/pemkey"
)

const (
	// TestEvent is the type of an event that means nothing but that it came.
	TestEvent = "endpoint.test"
	// tryTimeout bounds one test delivery: somebody waits for it.
	tryTimeout = 10 * time.Second
	// maxTryAnswer is how much of the answer is read, in bytes.
	maxTryAnswer = 1 << 10
)

// EndpointTry is what an endpoint answered to a test event.
type EndpointTry struct {
	EventID string
	At      time.Time
	// Delivered says that the answer's status means received.
	Delivered bool
	// Status is the answer's, 0 where there was none; Error says why.
	Status   int
	Error    string
	Duration time.Duration
}

// TestEndpoint sends a test event to one endpoint, once and at once, signed as
// every event that goes there, and returns what it answered. Nothing is kept of it
// but the record of the action. KindNotFound; KindStateConflict for an endpoint
// that is out of use, and for dialects whose contracts have no event that means
// nothing.
func (a *Admin) TestEndpoint(ctx context.Context, by By, merchantID, id string) (EndpointTry, error) {
	record, err := a.record(by, merchantID, "endpoint.test", id)
	if err != nil {
		return EndpointTry{}, err
	}
	e, err := a.Endpoint(ctx, merchantID, id)
	if err != nil {
		return EndpointTry{}, err
	}
	known, _ := a.s.Dialects.Find(e.Dialect)
	switch {
	case !e.DisabledAt.IsZero():
		return EndpointTry{}, refund.Errorf(refund.KindStateConflict, "id", "the endpoint is out of use")
	case !known.EndpointSecret:
		return EndpointTry{}, refund.Errorf(refund.KindStateConflict, "id",
			"the %s dialect has no event that means nothing (hint: send an old delivery again)", e.Dialect)
	}
	request, try, err := a.testRequest(ctx, e)
	if err != nil {
		return EndpointTry{}, err
	}
	a.send(request, &try)
	if err := a.s.Store.AddRecord(ctx, record.With("event", try.EventID).With("status", fmt.Sprint(try.Status)).With("error", try.Error)); err != nil {
		return EndpointTry{}, err
	}
	a.done(merchantID)
	return try, nil
}

// testRequest is a signed test event as it is sent.
func (a *Admin) testRequest(ctx context.Context, e merchant.Endpoint) (*http.Request, EndpointTry, error) {
	now := a.now()
	try := EndpointTry{EventID: "evt_" + refund.NewID(now), At: now}
	body, err := json.Marshal(map[string]any{"id": try.EventID, "type": TestEvent, "created_at": now.Format("2006-01-02T15:04:05.000000Z"), "data": map[string]any{}})
	if err != nil {
		return nil, try, fmt.Errorf("make test event: %w", err)
	}
	secrets, err := a.s.Store.EndpointSecrets(ctx, e.MerchantID, e.ID)
	if err != nil {
		return nil, try, err
	}
	message := pemkey.Webhook{ID: try.EventID, At: now, Body: body}
	var signatures []string
	for _, secret := range secrets {
		if key, err := pemkey.ParseWebhookSecret(secret.Text); err == nil && secret.Signs(now) {
			signatures = append(signatures, message.SignHMAC(key))
		}
	}
	if len(signatures) == 0 {
		return nil, try, refund.Errorf(refund.KindStateConflict, "id", "the endpoint has no secret in use (hint: rotate it)")
	}
	request, err := http.NewRequest(http.MethodPost, e.URL, bytes.NewReader(body))
	if err != nil {
		return nil, try, fmt.Errorf("make test event: %w", err)
	}
	request.Header.Set("User-Agent", "Refundry")
	request.Header.Set("Content-Type", "application/json")
	message.Set(request.Header, signatures...)
	return request, try, nil
}

// send makes the call and notes what became of it. It goes on where the caller goes
// away: the record says what was answered.
func (a *Admin) send(request *http.Request, try *EndpointTry) {
	ctx, cancel := context.WithTimeout(context.Background(), tryTimeout)
	defer cancel()
	begun := a.s.Now()
	response, err := a.s.EndpointClient.Do(request.WithContext(ctx))
	try.Duration = a.s.Now().Sub(begun)
	var of *url.Error
	switch {
	case errors.As(err, &of) && of.Timeout():
		try.Error = fmt.Sprintf("no answer within %v", tryTimeout)
	case errors.As(err, &of): // without the address, whose query may hold a secret
		try.Error = of.Err.Error()
	case err != nil:
		try.Error = err.Error()
	default:
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxTryAnswer))
		_ = response.Body.Close()
		try.Status = response.StatusCode
		if try.Delivered = response.StatusCode >= 200 && response.StatusCode < 300; !try.Delivered {
			try.Error = "the answer's status does not mean received"
		}
	}
}
