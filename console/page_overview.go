package console

// overview is the first page.
func (p *page) overview() error { return p.render("overview", nil) }
