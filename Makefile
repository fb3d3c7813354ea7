# Fine-grained classification: raw annotations -> boxes -> crops -> synthetic images -> classifiers -> report.
# make help

# What a user may set, on the command line alone: names such as WORK mean other things in other people's environments.
VARIABLES := DATASET RAW LAYOUT SUPER BOX_FRAME SUBSET BOXES_FROM BOXES PROFILE DETECT SYNTH ROWS SEEDS TEST CROP_SIZE \
             IMAGES_PER_CLASS INCEPTION IMAGES MOST IMAGENET_IDS AGAINST WEIGHTS WORK GPUS JOBS DEVICE SCHEDULER \
             STRICT MAX_BAD AGAIN PYTHON ROW BUNDLE DETECTOR OUT CONF TARGET ALLOW SAVE FOLDS UNLABELLED HOST PORT FIGURES_ONLY
GIVEN     := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
$(foreach name,$(VARIABLES),$(if $(filter environment,$(firstword $(origin $(name)))),$(eval undefine $(name))))

DATASET ?= toy-dogs
WORK    ?= work_dirs
SEEDS   ?= 0 1 2
PYTHON  ?= python3
VENV    := $(or $(VIRTUAL_ENV),.venv)
PY      := $(VENV)/bin/python
ifeq ($(DEVICE),cpu)
  export CUDA_VISIBLE_DEVICES :=
endif
# Torch is asked where there is a driver to ask for: that takes seconds.
ifndef GPUS
  GPUS  := $(or $(if $(wildcard /dev/nvidiactl /dev/dxg /dev/kfd),$(shell $(PY) -m pipelines.openmm.engine.devices 2>/dev/null)),0)
endif
TOY     := $(filter toy-%,$(DATASET))
PROFILE ?= $(if $(TOY),toy,$(if $(filter-out 0,$(GPUS)),full,laptop))
D       := $(WORK)/$(DATASET)

# What commands read from the environment; a shell's quotes cannot break it.
export FGIC_GIVEN   := $(GIVEN)
export FGIC_KNOWN   := $(VARIABLES) VIRTUAL_ENV
export FGIC_DATASET := $(DATASET)
export FGIC_RAW     := $(RAW)
export FGIC_WORK    := $(WORK)
export FGIC_WEIGHTS := $(WEIGHTS)
export FGIC_AGAIN   := $(AGAIN)
export FGIC_BOXES_FROM := $(BOXES_FROM)
export FGIC_INCEPTION  := $(INCEPTION)
export FGIC_PICTURES := $(IMAGES)
export FGIC_BUNDLE  := $(BUNDLE)
export FGIC_DETECTOR := $(DETECTOR)
export FGIC_OUT     := $(OUT)
export FGIC_ALLOW   := $(ALLOW)
export FGIC_UNLABELLED := $(UNLABELLED)
export FGIC_IMAGENET_IDS := $(IMAGENET_IDS)
export FGIC_AGAINST    := $(AGAINST)
export PYTHONUTF8   := 1

# What each stage takes, by profile. Every variable can be set: make classify ROWS="resnet50@full my/own.py@square".
PROFILES := $(notdir $(basename $(wildcard mm_configs/profiles/*.mk)))
ifneq ($(filter $(PROFILE),$(PROFILES)),)
  include mm_configs/profiles/$(PROFILE).mk
endif
ifneq ($(filter ablations,$(MAKECMDGOALS)),)
  ROWS := $(ABLATIONS)
endif
recipe = $(if $(filter %.py,$(2)),$(2),mm_configs/$(1)/$(2).py)
name   = $(basename $(notdir $(1)))
ONE         := $(or $(ROW),$(firstword $(ROWS)))
ROW_RECIPES := $(sort $(foreach row,$(ROWS) $(ROW),$(firstword $(subst @, ,$(row)))))
# The kinds of crop that the rows see, and the results of synth that they add.
KINDS      := $(sort full box square $(foreach row,$(ROWS) $(ROW),$(firstword $(subst -lt, ,$(subst +, ,$(word 2,$(subst @, ,$(row))))))))
GENERATED  := $(foreach row,$(ROWS),$(findstring +,$(row)))
GPU_OPTION := --gpus $(or $(filter-out 0,$(GPUS)),1)

# What convert and crop do about damaged images, and who works for them.
LAYOUT_OPTIONS := $(if $(LAYOUT),--layout $(LAYOUT)) $(if $(SUPER),--super $(SUPER)) $(if $(BOX_FRAME),--box-frame $(BOX_FRAME)) \
                  $(if $(SUBSET),--subset)
DATA_OPTIONS := $(if $(STRICT),--strict) $(if $(MAX_BAD),--max-bad $(MAX_BAD)) $(if $(SCHEDULER),--scheduler $(SCHEDULER))

# Who trains classifiers: a cluster's workers, or one process for each of this machine's GPUs or CPUs.
RUN_OPTIONS := $(if $(SCHEDULER),--scheduler $(SCHEDULER)) $(addprefix --jobs ,$(or $(JOBS),$(if $(SCHEDULER),,$(filter-out 0,$(GPUS)))))

# Which of them the goals need: all are checked against the data before the first training.
LINT := $(call recipe,detect,$(DETECT)) \
        $(if $(filter synth gate classify ablations explain robust audit-leaks report all,$(MAKECMDGOALS)),$(foreach config,$(SYNTH),$(call recipe,synth,$(config)))) \
        $(if $(filter gate classify ablations explain robust audit-leaks audit report all,$(MAKECMDGOALS)),$(foreach row,$(ROW_RECIPES),$(call recipe,classify,$(row))))

.PHONY: help setup doctor demo test variables names convert check detect crop synth gate classify explain robust audit-leaks audit report predict serve export setup-export all lock docs clean plan profile bench-data bench-train bench-gpu faults ablations
.NOTPARALLEL:
.DEFAULT_GOAL := help

help:  ## this text
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo 'Variables (in brackets: now)'
	@echo '  DATASET  any word; toy-dogs and toy-birds are drawn, the others need RAW  [$(DATASET)]'
	@echo '  RAW      the unpacked dataset, or a folder with its official archives    [$(or $(RAW),not needed for the toys)]'
	@echo '  LAYOUT   of RAW, where it is not to be recognised; SUPER: what all classes are, e.g. mushroom (docs/own_data.md)'
	@echo '  SUBSET=1  leave out images that no list names; BOX_FRAME: shown or stored, of boxes of images that EXIF turns'
	@echo '  PROFILE  toy, laptop (a CPU, small models) or full (GPUs, full size)     [$(PROFILE)]'
	@echo '  WEIGHTS  folder with pretrained weights (python -m tools.weights)         [$(or $(WEIGHTS),none)]'
	@echo '  WORK     where results go: WORK/DATASET/STAGE/                           [$(WORK)]'
	@echo '  TEST=no  keep the test split shut, and compare on val'
	@echo '  SEEDS    of the classifiers                                              [$(SEEDS)]'
	@echo '  GPUS     to train on                                                     [$(GPUS)]'
	@echo '  DEVICE=cpu  use no GPU; AGAIN=1  make results anew that other code made'
	@echo '  JOBS     classifiers trained at the same time (else one per GPU, or one per free CPU)'
	@echo '  BOXES    gt, det, or train=gt,val=det,test=det: the boxes that are cropped'
	@echo '  BOXES_FROM  boxes in a file (COCO, CSV, YOLO, MegaDetector), or WORK/DATASET of a run whose detector finds them'
	@echo '  STRICT=1 stop at the first damaged image; MAX_BAD=0.01: the share of them above which make stops'
	@echo '  PYTHON   that set-up makes .venv with                                    [$(PYTHON)]'
	@echo '  SCHEDULER  of a Dask cluster that converts, crops and trains classifiers (docs/scaling.md)'
	@echo '  IMAGES   of predict: a file, a folder, a pattern, or a list (.txt); ROW: RECIPE@IMAGES; BUNDLE: in place of it'
	@echo '  CONF, TARGET, ALLOW, OUT, SAVE="crops pictures", DETECTOR  of predict and export (docs/use.md)'
	@echo '  HOST, PORT  of serve (docs/use.md)                                       [127.0.0.1, 8000]'
	@echo '  ROW      of audit, RECIPE@IMAGES; FOLDS=5; UNLABELLED: photographs that it ranks for annotation  [$(ONE)]'
	@echo '  MOST     images that explain and robust look at, evenly over the classes [$(or $(MOST),explain: all; robust: 64, with PROFILE=full all)]'
	@echo '  IMAGENET_IDS=FILE  a list of images of ImageNet; AGAINST=FOLDER  of images: what audit-leaks looks for'
	@echo '  FOLDS=5  of gate, too: images whose generator was not trained are judged on train and val; FIGURES_ONLY=1  it trains nothing'
	@echo '  IMAGES_PER_CLASS    synthetic images to draw; INCEPTION=FILE  weights for FID (needs torch-fidelity)'
	@echo
	@echo 'What the stages take, by profile: names of configs in mm_configs/STAGE, or paths of yours'
	@tail -n +1 mm_configs/profiles/*.mk | sed -e '/^==>/d' -e '/^$$/d' -e 's/?=/ /' -e 's/^/  /'
	@echo '  ROWS are RECIPE@IMAGES: python -m pipelines.classify --help'
	@echo
	@echo '  make detect crop synth classify report DATASET=cub RAW=/data/CUB_200_2011'

demo: setup  ## the whole pipeline on drawn dogs, on a CPU, in minutes
	@$(MAKE) --no-print-directory report DATASET=toy-dogs PROFILE=toy
	@echo 'open $(WORK)/toy-dogs/report/index.html'

# A worker per CPU this process may use, in as much memory as eight need.
XDIST := -n logical --maxprocesses 8 --dist worksteal
test: setup setup-export  ## every test: lint, fast ones, then one real iteration of every stage and config
	$(PY) -m ruff check .
	$(VENV)/bin/lint-imports
	$(PY) -m mypy
	$(PY) -m pytest $(XDIST)
	$(PY) -m pytest -m mm $(XDIST)

all: report  ## all stages of DATASET

setup:  ## install the lock into .venv, or the active virtual environment
	@tools/setup.sh $(VENV) $(PYTHON)

doctor: setup  ## what this machine has, what is wrong with it, and the command that mends it
	@$(PY) tools/doctor.py

# --- stages; each pulls in those before it, and each says `up to date` where nothing changed ---

# All are checked before the first stage: a wrong value for the last one is not said after days of training.
$(foreach name,$(VARIABLES),$(eval variables: export FGIC_$(name) := $$($(name))))
variables:
	@$(PYTHON) -m tools.check_variables

names:
	@$(PYTHON) -m tools.check_variables --names

convert: variables setup  ## raw annotations -> COCO
ifneq ($(TOY),)
	@$(PY) -m data_converters.toy --dataset $(DATASET) --out $(D)/raw
endif
	@$(PY) -m data_converters.convert --dataset $(DATASET) --raw $(if $(TOY),$(D)/raw,"$$FGIC_RAW") --out $(D)/convert \
		--verify $(LAYOUT_OPTIONS) $(DATA_OPTIONS)

check: convert
	@$(PY) -m tools.lint_configs --coco $(D)/convert --out $(D)/check --gpus $(or $(filter-out 0,$(GPUS)),1) $(LINT)

detect: check  ## box every image: train a detector, or BOXES_FROM
	@$(PY) -m pipelines.detect --coco $(D)/convert --out $(D)/detect --config $(DETECT) $(GPU_OPTION) \
		--if-boxes $(if $(BOXES_FROM),--boxes-from "$$FGIC_BOXES_FROM")

crop: $(if $(filter gt,$(BOXES)),check,detect)  ## box crops and square crops
	@$(PY) -m pipelines.crop --coco $(D)/convert --out $(D)/crop --kinds $(KINDS) --size $(CROP_SIZE) \
		$(if $(BOXES),--boxes $(BOXES)) $(DATA_OPTIONS) \
		$(if $(filter gt,$(BOXES)),,$$(test ! -e $(D)/detect/detections.json || echo --detections $(D)/detect/detections.json))

define DRAW
	@$(PY) -m pipelines.synth --crops $(D)/crop --out $(D)/synth/$(call name,$(1)) --config $(1) $(GPU_OPTION) --if-crops \
		$(if $(IMAGES_PER_CLASS),--images-per-class $(IMAGES_PER_CLASS)) $(if $(INCEPTION),--inception "$$FGIC_INCEPTION")

endef
synth: crop  ## draw images by each generator of SYNTH, trained on the square crops of train where it is
	$(foreach config,$(SYNTH),$(call DRAW,$(config)))

gate: synth  ## do synthetic images help? use, harmful, undecided, collapsed or copying (FOLDS=5 sees more; FIGURES_ONLY=1)
	@$(PY) -m pipelines.gate --data $(D) --out $(D)/gate --recipe $(call recipe,classify,$(firstword $(subst @, ,$(firstword $(ROWS))))) \
		$(if $(FOLDS),--folds $(FOLDS)) $(if $(FIGURES_ONLY),--figures-only) $(RUN_OPTIONS)

classify: crop $(if $(GENERATED),synth)  ## train classifiers with and without each step, compare them
	@$(PY) -m pipelines.classify --data $(D) --out $(D)/classify --rows $(ROWS) --seeds $(SEEDS) \
		$(if $(filter file,$(origin ROWS)),--skip-missing) $(if $(TEST),--test $(TEST)) \
		$(RUN_OPTIONS)

ablations: crop $(if $(GENERATED),synth)  ## the baseline and its tricks, one by one (or ROWS): what each changes and brings
	@$(PY) -m pipelines.classify --data $(D) --out $(D)/ablations --models $(D)/models/classify --rows $(ROWS) \
		--seeds $(SEEDS) $(if $(filter file,$(origin ROWS)),--skip-missing) $(if $(TEST),--test $(TEST)) $(RUN_OPTIONS)
	@$(PY) -m tools.ablation_table $(D)/ablations --models $(D)/models/classify

explain: classify  ## look into trained rows: attribution, attention, features, confusions (MOST=N images)
	@$(PY) -m pipelines.explain --work $(D) $(if $(MOST),--images $(MOST))

audit: crop  ## which labels look wrong: FOLDS trainings of ROW judge images that they did not see
	@$(PY) -m pipelines.audit --work $(D) --row $(ONE) $(if $(FOLDS),--folds $(FOLDS)) $(RUN_OPTIONS) \
		$(if $(filter command,$(firstword $(origin SEEDS))),--seeds $(SEEDS)) $(if $(UNLABELLED),--unlabelled "$$FGIC_UNLABELLED")

robust: classify  ## attack trained rows: a card each of attacks, corruptions, calibration, background (MOST=N)
	@$(PY) -m pipelines.robust --work $(D) --effort $(if $(filter full,$(PROFILE)),full,laptop) $(if $(MOST),--images $(MOST))

audit-leaks: classify  ## test images that rows may have seen before, and accuracy on the others
	@$(PY) -m pipelines.audit_leaks --work $(D) $(if $(IMAGENET_IDS),--imagenet-ids "$$FGIC_IMAGENET_IDS") \
		$(if $(AGAINST),--against "$$FGIC_AGAINST")

report: classify  ## one page with everything
	@$(PY) -m pipelines.report --work $(D) --out $(D)/report

CHAIN := $(if $(BUNDLE),--bundle "$$FGIC_BUNDLE",--work $(D) $(if $(ROW),--row '$(ROW)') $(if $(DETECTOR),--detector "$$FGIC_DETECTOR") \
         $(if $(filter command,$(origin SEEDS)),--seeds $(SEEDS)))

predict: names setup  ## find and name the animals in IMAGES, by a row that was trained: ROW, else the best on val
	@$(PY) -m pipelines.predict "$$FGIC_PICTURES" $(CHAIN) --gpus $(or $(filter-out 0,$(GPUS)),1) \
		$(if $(OUT),--out "$$FGIC_OUT") $(if $(CONF),--conf '$(CONF)') $(if $(TARGET),--target '$(TARGET)') \
		$(if $(ALLOW),--allow "$$FGIC_ALLOW") $(if $(SCHEDULER),--scheduler '$(SCHEDULER)') $(foreach what,$(SAVE),--save-$(what))

serve: names setup  ## a page to drop a photograph on, and POST /predict: a trained ROW (or BUNDLE) on this machine
	@$(PY) -m tools.serve $(CHAIN) $(if $(HOST),--host '$(HOST)') $(if $(PORT),--port '$(PORT)') $(if $(CONF),--conf '$(CONF)') \
		$(if $(TARGET),--target '$(TARGET)') $(if $(ALLOW),--allow "$$FGIC_ALLOW")

export: names setup-export  ## that row as ONNX files, a model card and an example that needs no torch
	@$(PY) -m pipelines.export $(CHAIN) $(if $(OUT),--out "$$FGIC_OUT") $(if $(TARGET),--target '$(TARGET)')

setup-export: setup
	@$(PY) -c 'import onnx, onnxruntime' 2>/dev/null || $(PY) -m pip install --quiet --disable-pip-version-check \
		--no-deps --require-hashes -r requirements/export.txt

plan: variables setup  ## before the hours are spent: iterations, memory, disk and hours of what make report would do here
	@$(MAKE) -n --no-print-directory report | $(PY) -m tools.plan --work $(WORK)

profile:  ## where the time of DATASET's results went, by stage and part
	@$(PY) -m tools.time_spent --work $(D)

# --- maintenance ---

LOCK := uv pip compile --universal --python-version 3.10 --fork-strategy fewest --generate-hashes --no-annotate --no-header --quiet

lock:  ## write the locks again (needs uv)
	$(LOCK) requirements/dev.in --override requirements/overrides.txt --output-file requirements/lock.txt
	$(LOCK) requirements/build.in --output-file requirements/build.txt
	$(LOCK) requirements/export.in --override requirements/overrides.txt --constraint requirements/lock.txt \
		--output-file requirements/export.txt

bench-data: setup  ## measure the data path: ratios, seconds, memory (20 to 30 minutes, on an idle machine)
	$(PY) -m tools.bench.data

bench-train: setup  ## measure training and inference against the libraries' own configs (docs/benchmarks.md)
	$(PY) -m tools.bench.train

bench-gpu: setup  ## what only a GPU can show, in steps with a time limit; goes on where it was cut (docs/benchmarks.md)
	$(PY) -m tools.bench.gpu

faults: setup  ## kill stages, fill the disk, ...; count what held (docs/reliability.md)
	$(PY) -m tools.faults --full

docs: setup  ## the pages of docs/ as a site: site/index.html
	$(PY) -m mkdocs build --quiet --strict --config-file tools/mkdocs.yml

clean:  ## remove the results of DATASET
	@$(PYTHON) -m tools.clean --work "$$FGIC_WORK" --dataset "$$FGIC_DATASET"
