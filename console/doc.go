// Package console is the operator pages at /console/: rendered by the server, in
// English and Chinese, light and dark, without a script where none is needed. It
// is a thin layer over admin and readers: no rule and no SQL is here, and nothing
// can be done here that the native API can't.
//
// A page is
//
//   - a file page_*.go with the handlers, each a method of page that returns an error;
//   - a template of the same name in template/, which defines "title" and "content" (and may define
//     "head"); its dot is a view, with what the handler gave as .Data;
//   - a file of that name in catalogue/ with its texts: the table [title] is the key NAME.title,
//     with en and zh (and one, the English singular); %s and %d take arguments;
//   - a line for each address in routes.go, with the scope that a user needs.
//
// An example:
//
//	{pattern: "GET /console/things", scope: merchant.ScopeRead, handle: (*page).things},
//	{pattern: "POST /console/things/{id}/end", scope: merchant.ScopeRefund, handle: (*page).endThing},
//
//	func (p *page) things() error {
//		found, err := p.s.Things.Things(p.Context(), p.merchantIDs())
//		if err != nil {
//			return err // shown as an error page
//		}
//		return p.render("things", found)
//	}
//
//	func (p *page) endThing() error {
//		var form struct {
//			Merchant string `form:"merchant"`
//			Reason   string `form:"reason"`
//		}
//		if err := p.decode(&form); err != nil {
//			return err
//		}
//		if err := p.require(form.Merchant, merchant.ScopeRefund); err != nil {
//			return err
//		}
//		_, err := p.act(form.Merchant, func(by admin.By) error {
//			return p.s.Admin.EndThing(p.Context(), by, form.Merchant, p.PathValue("id"), form.Reason)
//		})
//		if err != nil {
//			return p.renderForm("things", form, err) // 422, the error above and at its field
//		}
//		p.flash("things.ended", p.PathValue("id"))
//		return p.redirect(p.link("/console/things"))
//	}
//
// and in the template:
//
//	{{range .Data}}<td>{{$.Time .At}}</td><td class="number">{{money .Amount .Currency}}</td>{{end}}
//	<form method="post" action="/console/things/{{.ID}}/end">{{template "once" $}}
//	  <label for="reason">{{t "things.reason"}}</label>
//	  <input id="reason" name="reason" {{$.Invalid "reason"}}> <button data-confirm="{{t "things.sure"}}">{{t "things.end"}}</button></form>
//	{{template "pager" ($.Pager .Data.Next)}}
//
// The route's scope is checked of the merchant chosen by ?merchant=, or of any
// where none is chosen: p.merchants and p.merchantIDs() are those of which the
// user has it. An action that finds its merchant elsewhere, in a form or a row,
// calls p.require. Lists, filters, forms and buttons have classes in
// asset/console.css (scroll, filters, stack, card, grid, tile, badge, tabs, facts).
//
// Tests start a service with package consoletest.
package console
