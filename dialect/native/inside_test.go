package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/chargefile"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
)

// few is a directory with one test merchant, and whatever else a test sets.
// What is not set panics, and the panic is answered 500.
type few struct {
	dialect.Directory
	dialect.Reader
	dialect.BatchRegistrar
	dialect.Acceptor
	events    func(after int64) ([]refund.StoredEvent, error)
	accept    func() (intake.Result, error)
	registers func([]refund.Charge) ([]refund.Registered, error)
}

func (f *few) Caller(context.Context, string, string) (merchant.Caller, error) {
	return merchant.Caller{
		Merchant: merchant.Merchant{ID: "m", Mode: merchant.Test},
		Key:      merchant.Key{ID: "k", Scopes: merchant.Scopes()},
	}, nil
}

func (f *few) Identities(context.Context, string) ([]merchant.Identity, error) { return nil, nil }

func (f *few) ChannelAccounts(context.Context, string) ([]merchant.ChannelAccount, error) {
	return []merchant.ChannelAccount{{ID: "sandbox_m", Channel: merchant.ChannelSandbox}}, nil
}

func (f *few) ChargeIDByAny(context.Context, string, string) (string, error) { return "ch_1", nil }

func (f *few) ChargeByAny(context.Context, string, string) (refund.Charge, error) {
	return refund.Charge{ID: "ch_1", Amount: 100, Currency: "CNY"}, nil
}

func (f *few) Feed(_ context.Context, _ string, after int64, _ int) ([]refund.StoredEvent, error) {
	return f.events(after)
}

func (f *few) Accept(context.Context, refund.Unit, time.Duration) (intake.Result, error) {
	return f.accept()
}

func (f *few) RegisterCharges(_ context.Context, charges []refund.Charge, _ *refund.Write) ([]refund.Registered, error) {
	return f.registers(charges)
}

// office is what the operator's use cases keep: charges, and records that nobody
// reads.
type office struct {
	admin.Store
	few *few
}

func (o office) RegisterCharges(ctx context.Context, charges []refund.Charge, w *refund.Write) ([]refund.Registered, error) {
	return o.few.RegisterCharges(ctx, charges, w)
}

func (o office) ImportCharges(_ context.Context, charges []refund.Charge, _ refund.Action) ([]refund.Registered, error) {
	return o.few.registers(charges)
}

func (office) AddRecord(context.Context, refund.Action) error { return nil }
func (office) LinkAudit(context.Context, string) (int, error) { return 0, nil }

// ask sends a request to the API on top of f.
func (f *few) ask(ctx context.Context, method, path string, body io.Reader) *httptest.ResponseRecorder {
	return askMux(ctx, f.mux(), method, path, body)
}

func (f *few) mux() *http.ServeMux {
	mux := http.NewServeMux()
	New(Services{
		Admin: admin.New(admin.Services{Store: office{few: f}}), Directory: f, Reader: f, Registrar: f, Acceptor: f, Log: slog.New(slog.DiscardHandler),
	}).Register(mux)
	return mux
}

func askMux(ctx context.Context, mux *http.ServeMux, method, path string, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, method, "/refundry/v1"+path, body)
	r.Header.Set("Authorization", "Bearer k")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

func TestAnErrorIsToldByItsKind(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		kind   refund.Kind
		header string // name: value
	}{
		"a database that is away":    {refund.Wrap(fmt.Errorf("look: %w", refund.ErrUnavailable), "x"), 503, refund.KindUnavailable, "Retry-After: 1"},
		"busy":                       {refund.Errorf(refund.KindBusy, "", "x"), 503, refund.KindBusy, "Retry-After: 1"},
		"an unknown outcome":         {refund.Errorf(refund.KindUnknownOutcome, "", "x"), 500, refund.KindUnknownOutcome, ""},
		"a commit without an answer": {fmt.Errorf("save: %w", refund.ErrCommitUnknown), 500, refund.KindUnknownOutcome, ""},
		"one made internal below":    {refund.Wrap(fmt.Errorf("save: %w", refund.ErrCommitUnknown), "register"), 500, refund.KindUnknownOutcome, ""},
		"a context that ended":       {fmt.Errorf("save: %w", context.DeadlineExceeded), 500, refund.KindUnknownOutcome, ""},
		"a fault that is not ours":   {errors.New("password=x"), 500, refund.KindInternal, ""},
		"corrupt data":               {refund.Errorf(refund.KindCorrupt, "charge", "x"), 500, refund.KindCorrupt, ""},
		"a kind that no one knows":   {refund.Errorf("new", "", "secret"), 500, refund.KindInternal, ""},
		"a wrapped rule":             {fmt.Errorf("accept: %w", refund.Errorf(refund.KindTooSoon, "charge", "x")), 422, refund.KindTooSoon, ""},
	} {
		f := &few{accept: func() (intake.Result, error) { return intake.Result{}, c.err }}
		w := f.ask(t.Context(), "POST", "/refunds", strings.NewReader(`{"charge": "ch_1"}`))
		if w.Code != c.status || !strings.Contains(w.Body.String(), fmt.Sprintf(`"kind":%q`, c.kind)) {
			t.Errorf("%s: answered %d %s", name, w.Code, w.Body)
		}
		if header, value, _ := strings.Cut(c.header, ": "); w.Header().Get(header) != value {
			t.Errorf("%s: %s is %q", name, header, w.Header().Get(header))
		}
		if strings.Contains(w.Body.String(), "password") || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: tells what is for the log: %s", name, w.Body)
		}
	}
}

// A panic is internal where nothing can have been done, else unknown.
func TestAPanicIsAnsweredAsAProblem(t *testing.T) {
	f := &few{accept: func() (intake.Result, error) { panic("boom") }}
	for _, test := range []struct {
		method, path string
		kind         refund.Kind
	}{
		{"POST", "/refunds", refund.KindUnknownOutcome},
		{"GET", "/refunds/re_1", refund.KindInternal}, // which no reader is there for
	} {
		w := f.ask(t.Context(), test.method, test.path, strings.NewReader(`{"charge": "ch_1"}`))
		if w.Code != http.StatusInternalServerError || w.Header().Get("Content-Type") != "application/problem+json" ||
			strings.Contains(w.Body.String(), "boom") || !strings.Contains(w.Body.String(), fmt.Sprintf(`"kind":%q`, test.kind)) {
			t.Errorf("%s %s answered %d %s", test.method, test.path, w.Code, w.Body)
		}
	}
}

func TestAWishToCloseTheConnectionIsPassedOn(t *testing.T) {
	f := &few{accept: func() (intake.Result, error) { panic(http.ErrAbortHandler) }}
	defer func() {
		if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // this very value
			t.Errorf("recovered %v", got)
		}
	}()
	f.ask(t.Context(), "POST", "/refunds", strings.NewReader(`{"charge": "ch_1"}`))
	t.Error("was answered")
}

// event is one that the feed could give.
func event(number int64) refund.StoredEvent {
	return refund.StoredEvent{ID: fmt.Sprintf("evt_%d", number), Type: "refund.created", FeedNumber: number}
}

// feedWait is one reader of the feed.
type feedWait struct {
	at, wait time.Duration // when the event comes, and how long is waited
	took     time.Duration
	found    bool
}

func (c feedWait) play(t *testing.T) {
	t.Helper()
	began := time.Now()
	f := &few{events: func(after int64) ([]refund.StoredEvent, error) {
		if time.Since(began) >= c.at && after < 7 {
			return []refund.StoredEvent{event(7)}, nil
		}
		return nil, nil
	}}
	w := f.ask(t.Context(), "GET", fmt.Sprintf("/events?wait=%d", c.wait/time.Second), http.NoBody)
	if took := time.Since(began); took != c.took {
		t.Errorf("took %s, want %s", took, c.took)
	}
	if found := strings.Contains(w.Body.String(), "evt_7"); w.Code != http.StatusOK || found != c.found {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	next := *writeNumberCursor(feedMark, 0)
	if c.found {
		next = *writeNumberCursor(feedMark, 7)
	}
	if !strings.Contains(w.Body.String(), `"next":"`+next+`"`) {
		t.Errorf("the next cursor is another one: %s", w.Body)
	}
}

func TestTheFeedIsAnsweredAsSoonAsThereIsAnEvent(t *testing.T) {
	for name, c := range map[string]feedWait{
		"there is one already":     {0, 10 * time.Second, 0, true},
		"one comes while it waits": {1100 * time.Millisecond, 10 * time.Second, 1250 * time.Millisecond, true},
		"none comes in time":       {time.Hour, 3 * time.Second, 3 * time.Second, false},
		"it comes at the end":      {3 * time.Second, 3 * time.Second, 3 * time.Second, true},
		"nobody waits":             {time.Hour, 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// Many times, because a look and the end may come at once.
				for range 20 {
					c.play(t)
				}
			})
		})
	}
}

func TestTooManyReadersAreNotKeptWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &few{events: func(int64) ([]refund.StoredEvent, error) { return nil, nil }}
		mux := f.mux()
		began := time.Now()
		for range maxReaders {
			go askMux(t.Context(), mux, "GET", "/events?wait=20", http.NoBody)
		}
		synctest.Wait()
		askMux(t.Context(), mux, "GET", "/events?wait=20", http.NoBody)
		if took := time.Since(began); took != 0 {
			t.Errorf("one more was kept for %s", took)
		}
		time.Sleep(20 * time.Second) // the test's own time: they are answered
		synctest.Wait()
		askMux(t.Context(), mux, "GET", "/events?wait=20", http.NoBody)
		if took := time.Since(began); took != 40*time.Second {
			t.Errorf("after them one is kept for %s", took-20*time.Second)
		}
	})
}

func TestWhoeverLeavesTheFeedIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		f := &few{events: func(int64) ([]refund.StoredEvent, error) { return nil, nil }}
		began := time.Now()
		time.AfterFunc(time.Second, leave)
		f.ask(ctx, "GET", "/events?wait=20", http.NoBody)
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestADeliveryThatCouldNotBeMadeSaysWhy(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	r := merchant.DeliveryRecord{State: merchant.DeliveryWaiting, Delivery: merchant.Delivery{
		ID: "1", EventID: "evt_1", Dialect: merchant.WeChatPay, URL: "https://shop.example/", CreatedAt: at, DueAt: at.Add(time.Minute),
	}}
	for problem, want := range map[string]string{"": "", "the merchant's certificate: no RSA key": `"problem":"the merchant's certificate: no RSA key",`} {
		r.Delivery.Problem = problem
		text, err := encode(answerDelivery(r))
		want = `{"id":"1","event":"evt_1","endpoint":null,"dialect":"wechatpay","url":"https://shop.example/","state":"waiting",` +
			`"created_at":"2026-11-22T10:00:00.000000Z","due_at":"2026-11-22T10:01:00.000000Z","ended_at":null,` + want + `"attempts":[]}`
		if err != nil || string(text) != want+"\n" {
			t.Errorf("got %s, %v\nwant %s", text, err, want)
		}
	}
}

func TestAnEndpointThatNamesNoEventsGetsThePromisedOnes(t *testing.T) {
	d := New(Services{})
	for _, state := range refund.States() {
		e := webhook.Event{Type: "refund." + string(state)}
		want := state == refund.Succeeded || state == refund.Failed || state == refund.Abnormal
		if got := d.Subscribed(webhook.Known{}, merchant.Endpoint{}, e); got != want {
			t.Errorf("%s: %t", e.Type, got)
		}
		if got := d.Subscribed(webhook.Known{}, merchant.Endpoint{Events: []string{"refund.created"}}, e); got != (state == refund.Created) {
			t.Errorf("%s for who wants only refund.created: %t", e.Type, got)
		}
	}
}

// line is a good charge.
const line = `{"order_no": "L", "amount": 1, "currency": "CNY", "channel": "wx"}`

func TestABatchGoesThroughInChunksAndAnswersEachLine(t *testing.T) {
	var chunks []int
	f := &few{registers: func(charges []refund.Charge) ([]refund.Registered, error) {
		chunks = append(chunks, len(charges))
		out := make([]refund.Registered, len(charges))
		for n, c := range charges {
			out[n] = refund.Registered{Charge: c, Again: n%2 == 1}
		}
		return out, nil
	}}
	body := strings.Repeat(line+"\n", 2*chunkLines) + "\r\n  \n" + line // no line end behind the last
	w := f.ask(t.Context(), "POST", "/charges/batch", strings.NewReader(body))
	if fmt.Sprint(chunks) != fmt.Sprint([]int{chunkLines, chunkLines, 1}) {
		t.Errorf("the chunks are %v", chunks)
	}
	lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	if len(lines) != 2*chunkLines+1 || !strings.HasPrefix(lines[2*chunkLines], fmt.Sprintf(`{"line":%d,"status":201,"id":"ch_`, 2*chunkLines+3)) {
		t.Fatalf("%d lines, the last is %s", len(lines), lines[len(lines)-1])
	}
	if !strings.HasPrefix(lines[1], `{"line":2,"status":200,`) {
		t.Errorf("the second line is %s", lines[1])
	}
}

func TestABatchThatEndsEarlySaysSoAndKeepsWhatCameBefore(t *testing.T) {
	registered := 0
	f := &few{registers: func(charges []refund.Charge) ([]refund.Registered, error) {
		registered += len(charges)
		return make([]refund.Registered, len(charges)), nil
	}}
	for name, c := range map[string]struct {
		body       io.Reader
		registered int
		last       string
	}{
		"a body that breaks off": {
			io.MultiReader(strings.NewReader(line+"\n"+line[:20]), iotest.ErrReader(io.ErrUnexpectedEOF)), 1,
			`{"line":2,"status":400,"problem":{"type":"urn:refundry:problem:invalid"`,
		},
		"a body that is late": {
			io.MultiReader(strings.NewReader(line+"\n"), iotest.ErrReader(errors.New("i/o timeout"))), 1,
			`{"line":2,"status":400,"problem":{"type":"urn:refundry:problem:invalid"`,
		},
		"too many lines": {
			io.MultiReader(strings.NewReader(line+"\n"), bytes.NewReader(bytes.Repeat([]byte("\n"), maxLines-1)), strings.NewReader(line)), 1,
			fmt.Sprintf(`{"line":%d,"status":413,`, maxLines+1),
		},
	} {
		registered = 0
		w := f.ask(t.Context(), "POST", "/charges/batch", c.body)
		lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
		if w.Code != http.StatusOK || registered != c.registered || !strings.HasPrefix(lines[len(lines)-1], c.last) {
			t.Errorf("%s: %d registered, answered %d %.600s", name, registered, w.Code, w.Body)
		}
	}
}

func TestALineOfABatchThatIsTooLongHarmsNoOther(t *testing.T) {
	registered := 0
	f := &few{registers: func(charges []refund.Charge) ([]refund.Registered, error) {
		registered += len(charges)
		return make([]refund.Registered, len(charges)), nil
	}}
	w := f.ask(t.Context(), "POST", "/charges/batch", strings.NewReader(line+"\n"+strings.Repeat(" ", chargefile.MaxLine+10)+line+"\n"+line))
	lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	if registered != 2 || len(lines) != 3 || !strings.HasPrefix(lines[1], `{"line":2,"status":413,"problem":{"type":"urn:refundry:problem:too_large"`) {
		t.Errorf("%d registered, answered %.600s", registered, w.Body)
	}
}

func TestABatchMayBeginWithAByteOrderMark(t *testing.T) {
	f := &few{registers: func(charges []refund.Charge) ([]refund.Registered, error) {
		return make([]refund.Registered, len(charges)), nil
	}}
	w := f.ask(t.Context(), "POST", "/charges/batch", strings.NewReader("\ufeff"+line+"\r\n"))
	if got := w.Body.String(); !strings.HasPrefix(got, `{"line":1,"status":201`) {
		t.Errorf("answered %s", got)
	}
}

func TestWhatAnImportShouldLookAtIsToldByLine(t *testing.T) {
	f := &few{registers: func(charges []refund.Charge) ([]refund.Registered, error) {
		conflict := refund.Errorf(refund.KindChargeConflict, "charge", "other content")
		conflict.Charge = "ch_1"
		return []refund.Registered{
			{Charge: refund.Charge{ID: "ch_1", OrderNo: "L", ChannelAccount: "a"}, SameOrder: "ch_0"}, {Charge: refund.Charge{ID: "ch_1", ChannelAccount: "a"}, Again: true}, {Err: conflict},
		}, nil
	}}
	w := f.ask(t.Context(), "POST", "/charges/batch", strings.NewReader(strings.Repeat(line+"\n", 3)))
	lines := strings.Split(w.Body.String(), "\n")
	if !strings.HasPrefix(lines[0], `{"line":1,"status":201,"id":"ch_1","warnings":["order number L is also that of charge ch_0`) ||
		lines[1] != `{"line":2,"status":200,"id":"ch_1","same_as":1}` || !strings.HasSuffix(lines[2], `"same_as":1}`) {
		t.Errorf("answered %s", w.Body)
	}
}

func TestABatchWhoseCommitIsUnknownSaysSoForEachOfItsLines(t *testing.T) {
	f := &few{registers: func([]refund.Charge) ([]refund.Registered, error) { return nil, refund.ErrCommitUnknown }}
	w := f.ask(t.Context(), "POST", "/charges/batch", strings.NewReader(line+"\n"+`{}`+"\n"+line))
	if got := w.Body.String(); strings.Count(got, `"kind":"unknown_outcome"`) != 2 || strings.Count(got, `"kind":"invalid"`) != 1 {
		t.Errorf("answered %s", got)
	}
}

func TestABatchThatIsAnnouncedAsTooLargeIsNotRead(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/refundry/v1/charges/batch", strings.NewReader(line))
	r.ContentLength = maxBatch + 1
	r.Header.Set("Authorization", "Bearer k")
	w := httptest.NewRecorder()
	(&few{}).mux().ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}

// An event's id is that of its body, however the body is written.
func TestTheIDOfAnEvent(t *testing.T) {
	for body, want := range map[string]string{
		`{"id":"evt_0aZ","type":"refund.succeeded"}`:   "evt_0aZ",
		`{ "id": "evt_1" }`:                            "evt_1",
		`{"type":"x","id":"evt_2"}`:                    "evt_2",
		`{"id":"evt\u005f3"}`:                          "evt_3",
		`{"id":"a-b"}`:                                 "a-b",
		`{"id":""}`:                                    "",
		`{"identity":{"id":"inner"},"id":"evt_outer"}`: "evt_outer",
	} {
		if got, err := eventID([]byte(body)); err != nil || got != want {
			t.Errorf("%s is %q, %v", body, got, err)
		}
	}
	for _, body := range []string{`{"id":"evt_4`, `{"id":"ev+`} {
		if got, err := eventID([]byte(body)); err == nil {
			t.Errorf("%s is %q", body, got)
		}
	}
}
