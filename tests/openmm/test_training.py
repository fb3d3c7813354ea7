from pipelines.openmm.engine import training


def test_a_recorded_config_is_the_same_wherever_the_data_lie():
    """Line breaks included: a path of 150 letters would be wrapped otherwise than one of 2."""
    from mmengine import Config

    texts = [training._portable(Config(dict(data_root=place, evaluator=dict(
        type='Metric', sizes=(1, 2), class_agnostic=True, files=[f'{place}/val.json', 'other.json']))))
             for place in ('/d', '/data/' + 'x' * 150)]
    assert texts[0] == texts[1]
    assert Config.fromstring(texts[0], '.py').evaluator.files == ['./val.json', 'other.json']
    assert Config.fromstring(texts[0], '.py').evaluator.sizes == (1, 2)


def test_a_recorded_config_of_the_folder_one_is_in(tmp_path):
    """``--data .``: not every dot is that folder."""
    from mmengine import Config

    hook, ann_file = dict(type='mmengine.StartHook'), './crop/full_val.json'
    text = training._portable(Config(dict(data_root='.', custom_hooks=[hook], ann_file=ann_file, scale=0.5)))
    again = Config.fromstring(text, '.py')
    assert again.custom_hooks == [hook] and again.ann_file == ann_file and again.data_root == '.'
    assert text.count('FGIC_DATA_ROOT') == 2


def test_what_keeps_the_stream_of_quiet_can_write_to_it_later():
    """A logger that mmpretrain makes in a first training is used in a second one of the process."""
    import sys
    with training.quiet():
        print('nobody sees this')
        kept = sys.stdout
    assert kept is not sys.stdout and kept.write('nor this') == 8
