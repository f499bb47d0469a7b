"""What every page keeps to: its size, texts that can be read and lie inside, none over another."""

import itertools

from reports import style


def texts(figure):
    """Visible, non-empty texts of a page, with all their tick labels."""
    figure.draw_without_rendering()
    found = figure.findobj(lambda artist: hasattr(artist, "get_fontsize"))
    return [text for text in found if text.get_visible() and text.get_text().strip()]


def beyond(figure):
    """Labels of ticks beyond an axis' limits, which are not drawn."""
    found = set()
    for axis in [a for panel in figure.axes for a in (panel.xaxis, panel.yaxis)]:
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if not low <= tick.get_loc() <= high:
                found |= {id(tick.label1), id(tick.label2)}
    return found


def fits(figure):
    """Check the page's size, its texts, and that titles and keys do not touch."""
    wide, high = figure.get_size_inches()
    assert 3.39 < wide < 7.01 and high < 9.2
    assert style.message_of(figure)
    renderer, hidden = figure.canvas.get_renderer(), beyond(figure)
    for text in texts(figure):
        box = text.get_window_extent(renderer)
        assert text.get_fontsize() >= style.SMALL
        if figure.bbox.overlaps(box) and id(text) not in hidden:
            assert box.x0 >= -2 and box.x1 <= figure.bbox.x1 + 2, text.get_text()
            assert box.y0 >= -2 and box.y1 <= figure.bbox.y1 + 2, text.get_text()
    apart = [legend.get_window_extent(renderer) for legend in figure.legends]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width for box in apart)
    for panel in figure.axes:
        under = [text for text in panel.texts if text.get_position()[1] < 0]
        titles = [panel._left_title] if panel.axison else []
        apart += [text.get_window_extent(renderer) for text in (*under, *titles)]
    apart = [box for box in apart if box.width > 0 and box.height > 0]
    assert not any(one.overlaps(two) for one, two in itertools.combinations(apart, 2))
