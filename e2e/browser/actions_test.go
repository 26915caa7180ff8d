package browser

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// action is something that a person does over one or more pages, and what the
// database, asked over the API, then holds.
type action struct {
	name string
	do   func(b *tab, language string)
}

// actions are done in each language, by keys alone.
var actions = []action{
	{"resolve a refund with a proof", func(b *tab, language string) {
		id := b.world.refundOf(b.t, "B-resolve-"+language, "1052", "abnormal")
		b.navigate(b.world.url + "/console/queues/abnormal?lang=" + language)
		b.press(id)
		b.press(say(language, "Resolve with proof", "凭证人工处理"))
		b.choose("state", "succeeded")
		b.fill("proof", "statement 7, line 3")
		b.press(say(language, "Record it", "确认记录"))
		b.see(say(language, "It is recorded.", "已记录。"))
		b.world.expectState(b.t, id, "succeeded")
	}},
	{"cancel a refund that waits for funds", func(b *tab, language string) {
		id := b.world.refundOf(b.t, "B-cancel-"+language, "1055", "")
		b.navigate(b.world.url + "/console/refunds/" + id + "?lang=" + language)
		b.press(say(language, "Cancel", "取消退款"))
		b.press(say(language, "Cancel the refund", "确认取消退款"))
		b.see(say(language, "The refund is canceled", "退款已取消"))
		b.world.expectState(b.t, id, "canceled")
	}},
	{"quote a refund of a charge and make it", func(b *tab, language string) {
		number := "B-quoted-" + language
		b.navigate(b.world.url + "/console/charges/M948164T2023072607034709567189?lang=" + language)
		b.fill("amount", "1.25")
		b.fill("reason", "a part was missing")
		b.fill("number", number)
		b.press(say(language, "Show what it would give back", "查看退款构成"))
		b.see("1.25 SAR")
		b.press(say(language, "Make this refund", "确认退款"))
		b.see("1.25 SAR")
		var made struct {
			Data []struct {
				ID, Reason string
				Amount     int64
			}
		}
		b.world.ask(b.t, "/refundry/v1/refunds?number="+number, &made)
		if len(made.Data) != 1 || made.Data[0].Amount != 125 || made.Data[0].Reason != "a part was missing" {
			b.t.Fatalf("the database has %+v", made.Data)
		}
		b.world.expectState(b.t, made.Data[0].ID, "succeeded")
	}},
	{"reroute an abnormal refund to the merchant's account", func(b *tab, language string) {
		id := b.world.refundOf(b.t, "B-reroute-"+language, "1052", "abnormal")
		b.navigate(b.world.url + "/console/refunds/" + id + "?lang=" + language)
		b.press(say(language, "Reroute", "更改退款去向"))
		b.press(say(language, "Send it there", "确认更改去向"))
		b.see(say(language, "The channel was told", "已通知渠道"))
		b.world.expectState(b.t, id, "succeeded")
	}},
	{"upload a file of refunds", func(b *tab, language string) {
		name := "walked-" + language + ".csv"
		path := filepath.Join(b.t.TempDir(), name)
		if err := os.WriteFile(path, []byte("charge,amount,number\nM948164T2023072607034709567189,125,B-file-"+language+"\n"), 0o600); err != nil {
			b.t.Fatal(err)
		}
		b.navigate(b.world.url + "/console/bulk?merchant=mer_demo&lang=" + language)
		run(b, "choose a file", chromedp.SetUploadFiles(b.control("file"), []string{path}))
		b.press(say(language, "Upload a file", "上传文件"))
		b.see(name)
		b.world.expectListed(b.t, "/bulk", "name", name)
	}},
	{"write a policy", func(b *tab, language string) {
		b.navigate(b.world.url + "/console/policies?merchant=mer_demo&lang=" + language)
		b.fill("name", "walked "+language)
		b.fill("expression", "refund.amount > 100001")
		b.press(say(language, "Save", "保存"))
		b.see("walked " + language)
		b.world.expectListed(b.t, "/policies", "name", "walked "+language)
	}},
	{"make a key", func(b *tab, language string) {
		before := b.world.listed(b.t, "/keys", "id")
		b.navigate(b.world.url + "/console/settings/keys?merchant=mer_demo&lang=" + language)
		b.press(say(language, "Make key", "创建密钥"))
		b.see(say(language, "It is shown this once", "仅显示一次"))
		if after := b.world.listed(b.t, "/keys", "id"); len(after) != len(before)+1 {
			b.t.Errorf("there are %d keys, were %d", len(after), len(before))
		}
	}},
	{"add an identity", func(b *tab, language string) {
		before := b.world.identities(b.t)
		b.navigate(b.world.url + "/console/settings/merchants/mer_demo?lang=" + language)
		run(b, "open the form", chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll("main summary")].find((s) => s.innerText.trim() === "wallet").click()`))
		b.press(say(language, "Add identity", "添加身份") + " wallet")
		b.see(say(language, "What was made up is shown this once", "系统生成的内容仅显示一次"))
		b.accessible()
		b.shoot("identity-made", language)
		if after := b.world.identities(b.t); after != before+1 {
			b.t.Errorf("there are %d identities, were %d", after, before)
		}
	}},
	{"add a user", func(b *tab, language string) {
		email := "added-" + language + "@example.com"
		b.navigate(b.world.url + "/console/settings/users?lang=" + language)
		b.fill("email", email)
		b.choose("role", "support")
		b.choose("role_merchant", "mer_demo")
		b.press(say(language, "Add user", "添加用户"))
		b.see(email)
		b.world.expectListed(b.t, "/users", "email", email)
	}},
}

func say(language, en, zh string) string {
	if language == "zh" {
		return zh
	}
	return en
}

// press finds a link or button by the text that a person reads, focuses it and
// presses Enter, and waits for the next page.
func (b *tab) press(text string) {
	b.t.Helper()
	quoted, _ := json.Marshal(text) // of a text, which can't fail
	if found := b.text(`(() => {
		const all = [...document.querySelectorAll("main a, main button")].filter((e) => e.innerText.replace(/\s+/g, " ").trim() === ` + string(quoted) + `);
		if (all.length === 0) return "there is none: " + document.querySelector("main").innerText;
		all[0].focus();
		return document.activeElement === all[0] ? "" : "it can't be reached by keys";
	})()`); found != "" {
		b.t.Fatalf("press %q: %.600s", text, found)
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	var answer *network.Response
	answer, err := chromedp.RunResponse(ctx, chromedp.KeyEvent("\r"))
	if err != nil {
		b.t.Fatalf("press %q: %v", text, err)
	}
	if answer.Status != http.StatusOK {
		b.t.Fatalf("press %q: the answer is %d: %.600s", text, answer.Status, b.text(`document.body.innerText`))
	}
}

// control fails on a field that has no label of its own.
func (b *tab) control(name string) chromedp.CSS {
	b.t.Helper()
	selector := `main [name="` + name + `"]`
	if label := b.text(`(document.querySelector('` + selector + `')?.labels?.[0]?.innerText ?? "")`); label == "" {
		b.t.Fatalf("the field %s has no label", name)
	}
	return chromedp.CSS(selector)
}

// fill types a text into a field.
func (b *tab) fill(name, text string) {
	b.t.Helper()
	run(b, "fill "+name, chromedp.SendKeys(b.control(name), text))
}

// choose takes an entry of a list.
func (b *tab) choose(name, value string) {
	b.t.Helper()
	run(b, "choose "+name, chromedp.SetValue(b.control(name), value))
}

// see fails on a page that does not show a text.
func (b *tab) see(text string) {
	b.t.Helper()
	if page := b.text(`document.body.innerText`); !strings.Contains(page, text) {
		b.t.Errorf("nobody can see %q:\n%.800s", text, page)
	}
}

// refundOf makes a refund of an amount, and waits until it has a state; "" for any.
func (w *world) refundOf(t *testing.T, number, amount, state string) string {
	t.Helper()
	id := w.makeRefund(t, number, amount)
	if state != "" {
		w.expectState(t, id, state)
	}
	return id
}

// expectState waits until a refund has a state, as the database has it.
func (w *world) expectState(t *testing.T, id, want string) {
	t.Helper()
	got := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var refund struct{ State string }
		w.ask(t, "/refundry/v1/refunds/"+url.PathEscape(id), &refund)
		if got = refund.State; got == want {
			return
		}
	}
	t.Errorf("the refund is %s, not %s", got, want)
}

// listed are a member of what a list of the API has.
func (w *world) listed(t *testing.T, path, member string) (all []string) {
	t.Helper()
	var list struct{ Data []map[string]any }
	w.ask(t, "/refundry/v1"+path, &list)
	for _, one := range list.Data {
		text, _ := one[member].(string)
		all = append(all, text)
	}
	return all
}

// expectListed fails where a list of the API lacks something.
func (w *world) expectListed(t *testing.T, path, member, want string) {
	t.Helper()
	if all := w.listed(t, path, member); !slices.Contains(all, want) {
		t.Errorf("GET %s has %q and not %q", path, all, want)
	}
}

// identities is how many the demo merchant has.
func (w *world) identities(t *testing.T) int {
	t.Helper()
	var merchant struct{ Identities []map[string]any }
	w.ask(t, "/refundry/v1/merchant", &merchant)
	return len(merchant.Identities)
}

// ask reads what the API says.
func (w *world) ask(t *testing.T, path string, into any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer rk_test_demo")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %d %v %s", path, answer.StatusCode, err, text)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}
