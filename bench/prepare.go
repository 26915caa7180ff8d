package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// chargesPerCall are registered by one call; a batch may have 50,000.
	chargesPerCall = 10_000
	// pageLimit is the most rows of one page of the native API.
	pageLimit = 100
	// readRefunds are made before reads are measured.
	readRefunds = 2000
	// listLimit is how many refunds a measured page has.
	listLimit = 10
)

// register registers the charges, each with room for all refunds of the run.
func (r *run) register(ctx context.Context) error {
	for from := 0; from < r.opts.Charges; from += chargesPerCall {
		var lines strings.Builder
		var made []charge
		for n := from; n < min(from+chargesPerCall, r.opts.Charges); n++ {
			order := fmt.Sprintf("%s%06d", r.stamp, n)
			made = append(made, charge{OrderNo: order})
			fmt.Fprintf(&lines, `{"order_no":%q,"amount":%d,"currency":"CNY","channel":"wx","paid_at":%q,"transaction_id":%q}`+"\n",
				order, paid, r.begun.UTC().Format(time.RFC3339), order)
		}
		text, err := r.native(ctx, http.MethodPost, "/charges/batch", lines.String())
		if err != nil {
			return err
		}
		answers := strings.Split(strings.TrimSpace(string(text)), "\n")
		if len(answers) != len(made) {
			return fmt.Errorf("%d of %d charges were registered", len(answers), len(made))
		}
		for n, line := range answers {
			var one struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal([]byte(line), &one); err != nil || one.ID == "" {
				return fmt.Errorf("a charge was refused: %s", line)
			}
			made[n].ID = one.ID
		}
		r.charges = append(r.charges, made...)
	}
	if r.opts.Dialect == dialectPayin {
		return r.payinOrders(ctx)
	}
	return nil
}

// payinOrders reads the orders' ids, which the service makes up.
func (r *run) payinOrders(ctx context.Context) error {
	orders := make(map[string]string)
	err := r.pages(ctx, "/charges", url.Values{"created_from": {r.since()}}, func(data json.RawMessage) error {
		var rows []struct {
			ID         string `json:"id"`
			Identities struct {
				Payin struct {
					OrderID string `json:"order_id"`
				} `json:"payin"`
			} `json:"identities"`
		}
		err := json.Unmarshal(data, &rows)
		for _, row := range rows {
			orders[row.ID] = row.Identities.Payin.OrderID
		}
		return err
	})
	for n := range r.charges {
		if r.charges[n].PayinOrder = orders[r.charges[n].ID]; err == nil && r.charges[n].PayinOrder == "" {
			return fmt.Errorf("charge %s has no Payin order", r.charges[n].ID)
		}
	}
	return err
}

// since is a time before the run's first row, whatever the clocks say.
func (r *run) since() string {
	const skew = time.Minute
	return r.begun.Add(-skew).UTC().Format(time.RFC3339)
}

// pages reads a list of the native API to its end.
func (r *run) pages(ctx context.Context, path string, query url.Values, each func(data json.RawMessage) error) error {
	query.Set("limit", fmt.Sprint(pageLimit))
	for {
		text, err := r.native(ctx, http.MethodGet, path+"?"+query.Encode(), "")
		if err != nil {
			return err
		}
		var page struct {
			Data    json.RawMessage `json:"data"`
			HasMore bool            `json:"has_more"`
			Next    string          `json:"next"`
		}
		if err := json.Unmarshal(text, &page); err != nil {
			return fmt.Errorf("GET %s: %w", path, err)
		}
		if err := each(page.Data); err != nil || !page.HasMore {
			return err
		}
		query.Set("cursor", page.Next)
	}
}

// native makes a call of the native API that must succeed.
func (r *run) native(ctx context.Context, method, path, body string) ([]byte, error) {
	status, text, err := r.fetch(ctx, method, r.opts.Target+"/refundry/v1"+path, body)
	if err != nil {
		return nil, err
	}
	if status < 200 || status > 299 {
		return nil, fmt.Errorf("%s %s: HTTP %d: %s", method, path, status, text)
	}
	return text, nil
}

func (r *run) fetch(ctx context.Context, method, address, body string) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+r.opts.Credentials.Native.Key)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := r.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, 64*maxAnswer))
	return response.StatusCode, text, err
}

// signAnswers changes the merchant's setting of Ping++.
func (r *run) signAnswers(ctx context.Context, yes bool) error {
	_, err := r.native(ctx, http.MethodPatch, "/merchant/settings", fmt.Sprintf(`{"unsigned_answers":%t}`, !yes))
	return err
}

// pause pauses the merchant's channel accounts, so that refunds are accepted and
// nothing follows. What it returns undoes it.
func (r *run) pause(ctx context.Context) (resume func(context.Context) error, err error) {
	var paused []string
	resume = func(ctx context.Context) error {
		for _, id := range paused {
			if _, err := r.native(ctx, http.MethodPost, "/accounts/"+url.PathEscape(id)+"/resume", "{}"); err != nil {
				return err
			}
		}
		return nil
	}
	text, err := r.native(ctx, http.MethodGet, "/accounts", "")
	if err != nil {
		return resume, err
	}
	var accounts struct {
		Data []struct {
			ID    string `json:"id"`
			State string `json:"state"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &accounts); err != nil {
		return resume, err
	}
	for _, one := range accounts.Data {
		if one.State != "active" {
			continue
		}
		if _, err := r.native(ctx, http.MethodPost, "/accounts/"+url.PathEscape(one.ID)+"/pause", "{}"); err != nil {
			return resume, err
		}
		paused = append(paused, one.ID)
	}
	return resume, nil
}

// subscribe has the end of each refund sent to the sink. What it returns undoes it.
func (r *run) subscribe(ctx context.Context) (leave func(context.Context) error, err error) {
	text, err := r.native(ctx, http.MethodPost, "/endpoints", fmt.Sprintf(`{"url":%q,"dialect":"native","events":["refund.succeeded","refund.failed","refund.abnormal"]}`, r.sink.url))
	if err != nil {
		return nil, fmt.Errorf("%w (hint: serve needs --egress-allow 127.0.0.0/8)", err)
	}
	id := member(text, "id")
	return func(ctx context.Context) error {
		_, err := r.native(ctx, http.MethodDelete, "/endpoints/"+url.PathEscape(id), "")
		return err
	}, nil
}

// fillReads makes refunds and writes the requests that read them.
func (r *run) fillReads(ctx context.Context) error {
	mode := r.opts.Mode
	r.opts.Mode = ModeRequests
	made := r.load(ctx, MaxDuration, readRefunds)
	r.opts.Mode = mode
	for _, one := range made {
		if one.problem != "" {
			return fmt.Errorf("make refunds to read: %s", one.problem)
		}
		r.made = append(r.made, one)
		r.reads = append(r.reads, r.read(one).text(r.host))
	}
	return ctx.Err()
}

// read is a call that reads a refund, or the page of its charge's refunds.
func (r *run) read(of sample) call {
	name, path := url.PathEscape(r.charges[of.charge].ID), ""
	switch {
	case r.opts.Dialect == dialectPingPP && r.opts.Mode == ModeList:
		path = fmt.Sprintf("/v1/charges/%s/refunds?limit=%d", name, listLimit)
	case r.opts.Dialect == dialectPingPP:
		path = "/v1/charges/" + name + "/refunds/" + url.PathEscape(of.refund)
	case r.opts.Mode == ModeList:
		path = fmt.Sprintf("/refundry/v1/refunds?charge=%s&limit=%d", name, listLimit)
	default:
		path = "/refundry/v1/refunds/" + url.PathEscape(of.refund)
	}
	return call{http.MethodGet, path, "", [][2]string{bearer(r.opts.Key)}}
}
