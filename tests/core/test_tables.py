from pipelines.core import tables


def test_the_table_says_who_was_compared_with_whom():
    def row(name, top1, difference):
        return dict(name=name, title=name.title(), train_images=9, top1=top1, top1_interval=[top1 - .1, top1 + .1],
                    top5=1., macro_f1=top1, difference=difference)

    gain = dict(row='box', reference='full', value=.25, interval=[.1, .4], p=.01, p_holm=.02, verdict='better')
    table = dict(rows=[row('full', .5, None), row('box', .75, gain)],
                 comparisons=[dict(gain, verdict='no gain shown')])
    lines = tables.as_text(table).splitlines()
    assert lines[0].endswith('difference to Full')
    assert lines[1].split() == ['Full', '9', '50.0', '[40.0,', '60.0]', '100.0', '50.0', '(reference)']
    assert lines[2].endswith('+25.0 [+10.0, +40.0] p 0.020: better')
    assert lines[3] == 'Box against Full: +25.0 [+10.0, +40.0] p 0.020: no gain shown'
