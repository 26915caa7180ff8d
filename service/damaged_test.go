package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
)

// damageMark stands before a text that was damaged: it is no JSON and no word of ours.
const damageMark = "no such {"

// ownedBy are tables whose rows are a merchant's by another column than merchant_id.
var ownedBy = map[string]string{
	"merchants":                `id = $1`,
	"channel_account_versions": `account_id IN (SELECT a.id FROM channel_accounts a WHERE a.merchant_id = $1)`,
	"sandbox_accounts":         `account IN (SELECT a.id FROM channel_accounts a WHERE a.merchant_id = $1)`,
	"sandbox_notices":          `account IN (SELECT a.id FROM channel_accounts a WHERE a.merchant_id = $1)`,
	"sandbox_refunds":          `account IN (SELECT a.id FROM channel_accounts a WHERE a.merchant_id = $1)`,
}

// ofNobody are tables whose rows are the installation's or a person's.
var ofNobody = []string{
	"goose_db_version", "live_audits", "moves", "move_pieces", "platform_keys", "probes", "saved_views", "sign_in_tries", "user_codes", "user_sessions", "users",
}

// wholeMerchant are tables whose rows all that a merchant does goes by: with one of them
// damaged, the merchant itself may stand still.
var wholeMerchant = []string{"merchants", "identities", "api_keys", "channel_accounts", "channel_account_versions", "endpoints", "policies", "sandbox_accounts"}

// freeText are columns of which nothing is parsed: what is in them is shown or compared,
// and no more.
var freeText = regexp.MustCompile(`^(.*_id|number|.*_number|order_no|reason|reason_code|note|text|message|.*_message|problem|customer|name|.*_name|expression|why|proof` +
	`|hint|url|host|hash|.*_hash|digest|write_.*|object|key|.*_key|unit|value|code|.*_code|error|.*_behind|channel|made|.*account)$`)

// noRows are tables that this test leaves empty: batches end all at once, earlier versions
// of an account and notices of the sandbox are soon gone.
var noRows = []string{"batch_events", "batches", "channel_account_versions", "sandbox_notices"}

// shop is a merchant of the test.
type shop struct {
	id, key, account string
	charges          int
}

// damageWorld is a service without loops, under a clock that moves, with merchants a,
// whose rows are damaged, and b.
type damageWorld struct {
	*Service
	t     *testing.T
	clock time.Time
	a, b  *shop
	// told are the bodies of webhooks by their paths.
	told map[string][]string
}

func newDamageWorld(t *testing.T, database string) *damageWorld {
	t.Helper()
	w := &damageWorld{t: t, clock: time.Date(2026, 11, 30, 1, 0, 0, 0, time.UTC), told: make(map[string][]string)}
	s, err := Start(t.Context(), Options{
		Database: database, Data: t.TempDir(), Now: func() time.Time { return w.clock }, Log: quiet(),
		Simulated: Simulated{Stepped: true, Receivers: w},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Abandon)
	w.Service = s
	w.a, w.b = w.shop("a"), w.shop("b")
	return w
}

// RoundTrip plays the receivers of webhooks; what is under /away is.
func (w *damageWorld) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if strings.HasPrefix(r.URL.Path, "/away") {
		return nil, errors.New("nobody is there")
	}
	w.told[r.URL.Path] = append(w.told[r.URL.Path], string(body))
	return &http.Response{StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("success")), Request: r}, err
}

func (w *damageWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *damageWorld) shop(name string) *shop {
	fresh, err := merchant.NewFresh(name, merchant.Test, Dialects(), nil, w.clock)
	w.must(err)
	w.must(w.Store.AddMerchant(w.t.Context(), fresh, storetest.Record(fresh.Merchant.ID)))
	one := &shop{id: fresh.Merchant.ID, key: fresh.Key(merchant.Native), account: fresh.Accounts[0].ID}
	for _, e := range []admin.NewEndpoint{
		{URL: "https://hooks.example/native/" + name, Dialect: merchant.Native},
		{URL: "https://hooks.example/pingpp/" + name, Dialect: "pingpp"},
		{URL: "https://hooks.example/away/" + name, Dialect: merchant.Native},
	} {
		_, err := w.admin.AddEndpoint(w.t.Context(), ann, one.id, e)
		w.must(err)
	}
	return one
}

// work goes through the service's steps until none has anything to do, and returns what
// they could not do.
func (w *damageWorld) work() (failed error) {
	said := make(map[string]bool)
	for range 100 {
		done := 0
		for _, step := range append(w.Steps(), Step{"sandbox", w.sandbox.StepClock}) {
			n, err := step.Take(w.t.Context())
			if done += n; err != nil && !said[step.Name+err.Error()] {
				said[step.Name+err.Error()] = true
				failed = errors.Join(failed, fmt.Errorf("%s: %w", step.Name, err))
			}
		}
		if done == 0 && !w.Busy() {
			return failed
		}
	}
	return failed
}

// call makes a request of a shop while the service works.
func (w *damageWorld) call(of *shop, method, path, body string, header ...string) (int, string) {
	r := httptest.NewRequest(method, "/refundry/v1"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+of.key)
	r.Header.Set("Content-Type", "application/json")
	for n := 0; n+1 < len(header); n += 2 {
		r.Header.Set(header[n], header[n+1])
	}
	answer := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Handler().ServeHTTP(answer, r)
	}()
	for {
		select {
		case <-done:
			return answer.Code, answer.Body.String()
		case <-time.After(20 * time.Microsecond):
			w.intake.Step(w.t.Context())
		}
	}
}

// charge registers a charge of 1000.00 CNY.
func (w *damageWorld) charge(of *shop) refund.Charge {
	of.charges++
	id := refund.NewID(w.clock)
	order := fmt.Sprintf("%s%d", strings.ToUpper(of.id[4:8]), of.charges)
	c := refund.Charge{
		MerchantID: of.id, ID: "ch_" + id, OrderNo: order, Channel: "wx", ChannelAccount: of.account, TransactionID: "42" + order,
		Currency: "CNY", Amount: 100000, PaidAt: w.clock, CreatedAt: w.clock, UpdatedAt: w.clock,
	}
	identities, err := w.Store.Identities(w.t.Context(), of.id)
	w.must(err)
	stored, _, err := w.Store.RegisterCharge(w.t.Context(), dialect.FillAliases(Dialects(), c, identities), nil)
	w.must(err)
	return stored
}

// ask asks for a refund, which waits for the service's steps.
func (w *damageWorld) ask(of *shop, c refund.Charge, amount int64, header ...string) (id string, err error) {
	body := fmt.Sprintf(`{"charge": %q, "amount": %d, "number": "N%s-%d"}`, c.ID, amount, c.OrderNo, amount)
	status, answer := w.call(of, "POST", "/refunds", body, header...)
	var made struct{ ID string }
	if status >= 300 || json.Unmarshal([]byte(answer), &made) != nil || made.ID == "" {
		return "", fmt.Errorf("%d %s", status, answer)
	}
	return made.ID, nil
}

// history leaves a row in each table of merchant a that has any.
func (w *damageWorld) history() {
	t, ctx, a := w.t, w.t.Context(), w.a
	on, name, expression := true, "large", "refund.amount > 40000"
	_, err := w.admin.AddPolicy(ctx, ann, a.id, admin.PolicyChange{Name: &name, Expression: &expression, Enabled: &on})
	w.must(err)
	for _, ending := range []int64{100, 151, 152, 155, 156, 158, 50000} {
		if _, err := w.ask(a, w.charge(a), ending, "Idempotency-Key", fmt.Sprintf("k%d", ending)); err != nil {
			t.Fatal(err)
		}
	}
	status, answer := w.call(a, "POST", "/charges", `{"order_no": "P1", "amount": 100, "currency": "CNY", "channel": "wx"}`, "Idempotency-Key", "p1")
	if status != http.StatusCreated {
		t.Fatal(status, answer)
	}
	paid := w.charge(a)
	paid.ID, paid.OrderNo, paid.TransactionID, paid.Aliases = "ch_paid", "P2", "4200002", nil
	_, _, err = w.Store.RegisterPaid(ctx, paid, "order.paid", nil)
	w.must(err)
	_, err = w.Store.AddPause(ctx, merchant.Pause{PauseScope: merchant.PauseScope{MerchantID: a.id, Channel: "stripe"}, Reason: "strike", At: w.clock, By: ann.Actor}, storetest.Record(a.id))
	w.must(err)
	w.must(w.Store.RefuseNotice(ctx, refund.KeptNotice{Account: a.account, Channel: "sandbox", Text: "?", ReceivedAt: w.clock, Digest: "d"}))
	w.must(w.Store.RaiseAlert(ctx, a.id, refund.Alert{Text: "look"}))
	account := merchant.ChannelAccount{
		ID: "acct_manual_a", MerchantID: a.id, Channel: "manual", State: merchant.AccountActive, Version: 1,
		Settings: map[string]string{"note": "1"}, Secrets: map[string]string{"key": "1"}, CreatedAt: w.clock,
	}
	w.must(w.Store.AddAccount(ctx, account, storetest.Record(a.id)))
	_, err = w.Store.ChangeAccount(ctx, a.id, account.ID, storetest.Record(a.id), w.clock, func(c *merchant.ChannelAccount) error {
		c.Renew(map[string]string{"note": "2"}, map[string]string{"key": "2"}, w.clock)
		return nil
	})
	w.must(err)
	_, _, err = w.admin.AddUser(ctx, ann, admin.NewUser{Email: "who@a.example", Name: "who", Grants: []merchant.Grant{{MerchantID: a.id, Role: merchant.RoleViewer}}})
	w.must(err)
	if err := w.work(); err != nil {
		t.Fatal(err)
	}
}

// waiting leaves work that is not done yet: a refund that was accepted, and a dispute,
// an alert, notices and a file of refunds that nobody has looked at.
func (w *damageWorld) waiting() {
	ctx, a, c := w.t.Context(), w.a, w.charge(w.a)
	_, err := w.ask(a, c, 100)
	w.must(err)
	w.must(w.Store.RaiseAlert(ctx, a.id, refund.Alert{Text: "look " + c.ID}))
	for n, noticed := range []refund.Noticed{
		{Number: "unknown", TransactionID: "gone" + c.ID},
		{TransactionID: c.TransactionID, Outcome: refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Notice, ChannelRefundID: "cr" + c.ID, SucceededAt: w.clock}},
	} {
		w.must(w.Store.KeepNotice(ctx, refund.KeptNotice{
			Account: a.account, Channel: "sandbox", Text: "?", ReceivedAt: w.clock, DueAt: w.clock, Digest: fmt.Sprint(c.ID, n), State: refund.NoticeWaiting, Noticed: noticed,
		}))
	}
	dispute := refund.Dispute{
		MerchantID: a.id, ChargeID: c.ID, ChannelAccount: a.account, ChannelDisputeID: "du" + c.ID, Amount: money.Amount{Minor: 100, Currency: "CNY"},
		State: refund.DisputeOpen, Reason: "fraudulent", ChannelAt: w.clock,
	}
	_, err = w.Store.Dispute(ctx, refund.ChargeKey{MerchantID: a.id, ID: c.ID}, dispute, w.clock)
	w.must(err)
	job, _, err := w.admin.UploadBulk(ctx, ann, a.id, strings.NewReader("charge,amount,number\n"+c.OrderNo+",7,B"+c.OrderNo+"\n"), admin.BulkUpload{Options: bulk.Options{Name: "f"}, Limits: bulk.DefaultLimits()})
	w.must(err)
	if w.a.charges%2 == 0 { // every second one is about to run
		w.must(w.work())
		_, err = w.admin.StartBulk(ctx, bob, job.Key(), admin.BulkStarting{})
		w.must(err)
	}
}

// column is a column of texts, and the condition of a merchant's rows.
type column struct{ table, name, of string }

// columns are those of the live schema, without keys and free texts.
func (w *damageWorld) columns() (out []column) {
	text := `SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.tables b ON b.table_schema = c.table_schema AND b.table_name = c.table_name
		WHERE c.table_schema = 'public' AND b.table_type = 'BASE TABLE' AND (c.data_type = 'text' OR c.column_name = 'merchant_id') AND NOT EXISTS (
			SELECT 1 FROM information_schema.table_constraints t JOIN information_schema.key_column_usage k ON k.constraint_name = t.constraint_name
			WHERE t.constraint_type = 'PRIMARY KEY' AND t.table_name = c.table_name AND k.column_name = c.column_name AND c.column_name <> 'merchant_id')
		ORDER BY 1, 2`
	if w.Store.SQLite() {
		text = `SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'
			AND p.type = 'TEXT' AND (p.pk = 0 OR p.name = 'merchant_id') ORDER BY 1, 2`
	}
	var all [][2]string
	w.must(w.Store.DB().Read(w.t.Context(), func(q sqldb.Querier) error {
		return q.Query(w.t.Context(), text, nil, func(scan func(...any) error) error {
			var one [2]string
			err := scan(&one[0], &one[1])
			all = append(all, one)
			return err
		})
	}))
	for _, one := range all {
		of := ownedBy[one[0]]
		if slices.Contains(all, [2]string{one[0], "merchant_id"}) && of == "" {
			of = `merchant_id = $1`
		}
		switch {
		case one[1] == "merchant_id", freeText.MatchString(one[1]):
		case of != "":
			out = append(out, column{one[0], one[1], of})
		case !slices.Contains(ofNobody, one[0]):
			w.t.Errorf("whose are the rows of %s? Name it in ownedBy or ofNobody", one[0])
		}
	}
	return out
}

// json reports whether a column of a's rows holds JSON or a sealed text.
func (w *damageWorld) json(c column) (is bool) {
	text := fmt.Sprintf(`SELECT COUNT(*) FROM %s WHERE (%s LIKE '{%%' OR %s LIKE '[%%' OR %s LIKE 'v1.%%') AND %s`, c.table, c.name, c.name, c.name, c.of)
	w.must(w.Store.DB().Read(w.t.Context(), func(q sqldb.Querier) error {
		return q.Query(w.t.Context(), text, []any{w.a.id}, func(scan func(...any) error) error {
			var rows int64
			err := scan(&rows)
			is = rows > 0
			return err
		})
	}))
	return is
}

// change runs a statement on merchant a's rows behind the service's back. A constraint
// that does not let it is -1.
func (w *damageWorld) change(text string) (rows int64) {
	err := w.Store.DB().Write(w.t.Context(), func(q sqldb.Querier) (err error) {
		rows, err = q.Exec(w.t.Context(), text, w.a.id)
		return err
	})
	if err != nil {
		return -1
	}
	return rows
}

// loops are what the service does at times of its own, and at its start.
func (w *damageWorld) loops(all bool) error {
	ctx := w.t.Context()
	var failed error
	for name, loop := range map[string]func(context.Context) error{
		"keys": func(ctx context.Context) error {
			_, err := w.Store.AlertExpiringKeys(ctx, w.clock, keyWarning)
			return err
		},
		"auditor":    func(ctx context.Context) error { _, err := w.StepAudit(ctx); return err },
		"figures":    w.StepFigures,
		"balances":   func(ctx context.Context) error { _, err := w.stepCarry(ctx); return err },
		"chains":     func(ctx context.Context) error { return LinkAudit(ctx, w.Store) },
		"settings":   w.moveSettings,
		"restore":    w.afterRestore,
		"old notice": func(ctx context.Context) error { _, err := w.Store.ForgetNotices(ctx, w.clock); return err },
	} {
		if name == "auditor" && !all { // it reads everything again
			continue
		}
		if err := loop(ctx); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", name, err))
		}
	}
	return failed
}

// life is a refund of a shop, from the request to the webhook.
func (w *damageWorld) life(of *shop, name string) error {
	id, err := w.ask(of, w.charge(of), 200)
	if err != nil {
		return err
	}
	failed := w.work()
	r, err := w.Store.Refund(w.t.Context(), of.id, id)
	if err != nil || r.State != refund.Succeeded {
		return errors.Join(fmt.Errorf("the refund is %s, %w", r.State, err), failed)
	}
	for _, path := range []string{"/native/", "/pingpp/"} {
		if !slices.ContainsFunc(w.told[path+name], func(body string) bool { return strings.Contains(body, id) && strings.Contains(body, "succeeded") }) {
			failed = errors.Join(failed, fmt.Errorf("no webhook came to %s", path))
		}
	}
	for _, list := range []string{
		"events?limit=100", "refunds", "charges", "charges/" + r.ChargeID, "refunds/" + id, "keys", "accounts", "notices", "alerts", "deliveries", "endpoints",
		"bulk", "approvals", "policies", "merchant", "overview", "balances", "refunds/" + id + "/trace", "queues/abnormal", "queues/funds", "queues/unknown",
	} {
		if of == w.b {
			break
		}
		if status, answer := w.call(of, "GET", "/"+list, ""); status != http.StatusOK {
			failed = errors.Join(failed, fmt.Errorf("%s answers %d %s", list, status, answer))
		}
	}
	return failed
}

// Whichever text of one merchant's rows is damaged: the refunds, events and webhooks of
// another go on, and so do those of the merchant itself that the rows are not about.
func TestADamagedTextOfOneMerchantHoldsUpNothingElse(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		w := newDamageWorld(t, database)
		w.history()
		var empty []string
		damaged := 0
		for n, c := range w.columns() {
			w.clock = w.clock.Add(20 * time.Minute)
			if !w.Store.SQLite() && !w.json(c) {
				continue // the statements are the same: what a word does was seen on SQLite
			}
			w.waiting()
			rows := w.change(fmt.Sprintf(`UPDATE %s SET %s = '%s' || %s WHERE %s`, c.table, c.name, damageMark, c.name, c.of))
			if rows == 0 {
				empty = append(empty, c.table)
			}
			if rows <= 0 {
				continue
			}
			damaged++
			w.clock = w.clock.Add(20 * time.Minute)
			clear(w.told)
			if err := w.life(w.b, "b"); err != nil {
				t.Errorf("%s.%s: the other merchant: %v", c.table, c.name, err)
			}
			if !slices.Contains(wholeMerchant, c.table) {
				if err := w.life(w.a, "a"); err != nil {
					t.Errorf("%s.%s: the same merchant: %v", c.table, c.name, err)
				}
			}
			if err := w.loops(n%4 == 0); err != nil {
				t.Errorf("%s.%s: loops: %v", c.table, c.name, err)
			}
			w.change(fmt.Sprintf(`UPDATE %s SET %s = SUBSTR(%s, %d) WHERE %s LIKE '%s%%' AND %s`, c.table, c.name, c.name, len(damageMark)+1, c.name, damageMark, c.of))
		}
		for _, table := range empty {
			if !slices.Contains(noRows, table) {
				t.Errorf("merchant a has no row in %s: have history leave one", table)
			}
		}
		if damaged < 15 {
			t.Errorf("%d columns were damaged", damaged)
		}
	})
}
